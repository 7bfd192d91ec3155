package browserlab

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
)

// Names that nobody owns, which the browsers resolve to this machine.
const (
	portalHost = "portail.cpx.test"
	outerHost  = "intranet.cpx.test" // of a page with a frame, for a browser the same site
	otherHost  = "ailleurs.test"     // of a page with a frame on another site
)

// world is what all cells share: a screen, and two portals, of which the second is
// behind a proxy that changes its headers.
type world struct {
	ctx        context.Context
	end        context.CancelFunc
	want       map[string]expectation
	dir, bin   string
	pictures   string
	screen     *screen
	direct     *stack.Stack
	behind     *stack.Stack
	proxy      *proxy
	agentPorts int
	etc        string // a copy of /etc for the browsers' policies
	processes  []*stack.Process
	other      *stack.Stack // another user's
}

func newWorld(ctx context.Context, dir, bin, pictures string) (_ *world, err error) {
	ctx, end := context.WithCancel(ctx)
	w := &world{ctx: ctx, end: end, dir: dir, bin: bin, pictures: pictures}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	if err := os.MkdirAll(pictures, 0o755); err != nil {
		return nil, err
	}
	// Another user must reach their own files in it.
	if err := os.Chmod(dir, 0o711); err != nil {
		return nil, err
	}
	if w.agentPorts, err = freeRange(10); err != nil {
		return nil, err
	}
	desktop := filepath.Join(dir, "d")
	if err := os.Mkdir(desktop, 0o700); err != nil {
		return nil, err
	}
	if w.screen, err = newScreen(ctx, desktop); err != nil {
		return nil, err
	}
	if w.direct, err = w.portal("p", nil); err != nil {
		return nil, err
	}
	if w.behind, err = w.portal("b", []string{outerHost, otherHost}); err != nil {
		return nil, err
	}
	w.proxy, err = newProxy(w.behind)
	return w, err
}

func (w *world) close() {
	w.end()
	for _, p := range w.processes {
		_ = p.Wait()
	}
	if w.proxy != nil {
		w.proxy.close()
	}
	if w.screen != nil {
		w.screen.close()
	}
}

// portal prepares and starts a portal, with a card and an account of its own.
func (w *world) portal(name string, proxied []string) (*stack.Stack, error) {
	s, err := stack.Prepare(w.ctx, stack.Options{
		Dir: filepath.Join(w.dir, name), Bin: w.bin, Host: portalHost, Proxied: proxied, AgentPorts: w.agentPorts, AutoPIN: stack.DemoPIN(),
	})
	if err != nil {
		return nil, err
	}
	p, err := s.StartPortal(w.ctx)
	if p != nil {
		w.processes = append(w.processes, p)
	}
	return s, err
}

// freeRange finds consecutive free ports, below those that the system assigns and
// apart from those of other packages' tests, which would disturb the search for the
// agent.
func freeRange(count int) (int, error) {
search:
	for range 200 {
		first := 28000 + rand.IntN(4000)
		for port := first; port < first+count; port++ {
			for _, host := range []string{"127.0.0.1", "::1"} {
				l, err := net.Listen("tcp", net.JoinHostPort(host, fmt.Sprint(port)))
				if err != nil {
					continue search
				}
				_ = l.Close()
			}
		}
		return first, nil
	}
	return 0, errors.New("no free ports")
}

// agent starts the agent of a portal's person and waits until it listens on port,
// the first one free.
func (w *world) agent(ctx context.Context, s *stack.Stack, port int) (stop func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	p, err := s.StartAgent(ctx, false, "--no-tray")
	if p != nil {
		stop = func() { cancel(); _ = p.Wait() }
	} else {
		stop = cancel
	}
	if err == nil {
		err = listening(ctx, port, p.Done())
	}
	if err != nil {
		stop()
		if p != nil {
			err = fmt.Errorf("%w\n%w", err, p.Failure())
		}
		return nil, err
	}
	return stop, nil
}

func listening(ctx context.Context, port int, gone <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return c.Close()
		}
		select {
		case <-gone:
			return errors.New("the agent has ended")
		case <-ctx.Done():
			return fmt.Errorf("nothing listens on port %d: %w", port, err)
		case <-time.After(between):
		}
	}
}

// otherUser is the id of "nobody", on every Debian and Ubuntu.
const otherUser = 65534

// otherAgent starts another user's agent on the first port. Only root can; for
// others a listener replaces it.
func (w *world) otherAgent(ctx context.Context) (stop func(), err error) {
	if os.Geteuid() != 0 {
		return listen(w.agentPorts, func(c net.Conn) { _ = c.Close() })
	}
	if w.other == nil {
		if w.other, err = w.otherStack(); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	cmd := w.other.Command(ctx, "cpx-agent", "run", "--config", w.other.Path("agent.toml"), "--no-tray")
	cmd.Path, cmd.Dir = w.other.Path("cpx-agent"), w.other.Dir()
	cmd.Env = append(cmd.Env, "HOME="+w.other.Dir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: otherUser, Gid: otherUser}}
	log, err := os.Create(w.other.Path("cpx-agent.log"))
	if err != nil {
		cancel()
		return nil, err
	}
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		cancel()
		return nil, errors.Join(err, log.Close())
	}
	gone := make(chan struct{})
	go func() { _ = cmd.Wait(); _ = log.Close(); close(gone) }()
	stop = func() { cancel(); <-gone }
	if err := listening(ctx, w.agentPorts, gone); err != nil {
		stop()
		text, _ := os.ReadFile(w.other.Path("cpx-agent.log"))
		return nil, fmt.Errorf("another person's agent: %w\n%s", err, text)
	}
	return stop, nil
}

func (w *world) otherStack() (*stack.Stack, error) {
	s, err := stack.Prepare(w.ctx, stack.Options{Dir: filepath.Join(w.dir, "o"), Bin: w.bin, AgentOnly: true, AgentPorts: w.agentPorts})
	if err != nil {
		return nil, err
	}
	program, err := os.ReadFile(filepath.Join(w.bin, "cpx-agent"))
	if err == nil {
		err = os.WriteFile(s.Path("cpx-agent"), program, 0o755)
	}
	return s, errors.Join(err, filepath.WalkDir(s.Dir(), func(path string, _ os.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, otherUser, otherUser))
	}))
}

// listen calls do with each connection to a port, until stop is called.
func listen(port int, do func(net.Conn)) (stop func(), err error) {
	l, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			do(c)
		}
	}()
	return func() { _ = l.Close() }, nil
}

// ErrNoNamespace says that a browser cannot get a policy of its own here.
var ErrNoNamespace = errors.New("a mount namespace is refused here: run as root, or allow user namespaces")

// withPolicies makes a copy of /etc in which the agent's own command has allowed the
// portal in both browsers, as an administrator would.
func (w *world) withPolicies(ctx context.Context) (string, error) {
	if w.etc != "" {
		return w.etc, nil
	}
	root := filepath.Join(w.dir, "root")
	etc, err := CopyEtc(ctx, root)
	if err != nil {
		return "", err
	}
	write := w.direct.Command(ctx, "cpx-agent", "policy", "browsers", "--origin", w.direct.Origin, "--dir", root, "--write")
	if out, err := write.CombinedOutput(); err != nil {
		return "", fmt.Errorf("cpx-agent policy browsers: %w\n%s", err, out)
	}
	w.etc = etc
	return etc, nil
}

// policyFolders, in /etc, are where browsers read what this machine's administrators ask of them.
var policyFolders = []string{"firefox/policies", "chromium/policies", "opt/chrome/policies", "opt/edge/policies"}

// CopyEtc makes a copy of /etc below root, which a browser's mount namespace can have in its
// place: without the policies that this machine happens to have for browsers.
func CopyEtc(ctx context.Context, root string) (etc string, err error) {
	own := []string{"--mount", "true"}
	if os.Geteuid() != 0 {
		own = append([]string{"--user", "--map-root-user"}, own...)
	}
	if out, err := exec.CommandContext(ctx, "unshare", own...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %w %s", ErrNoNamespace, err, out)
	}
	etc = filepath.Join(root, "etc")
	if err := os.MkdirAll(etc, 0o755); err != nil {
		return "", err
	}
	// Files that only root may read cannot be copied; the browsers do not need them.
	if out, err := exec.CommandContext(ctx, "cp", "-a", "/etc/.", etc).CombinedOutput(); err != nil && os.Geteuid() == 0 {
		return "", fmt.Errorf("a copy of /etc: %w\n%s", err, out)
	}
	for _, folder := range policyFolders {
		if err := os.RemoveAll(filepath.Join(etc, folder)); err != nil {
			return "", err
		}
	}
	return etc, nil
}

func fileName(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(name))
}
