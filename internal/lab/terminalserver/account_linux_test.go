package terminalserver

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/democard"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack/browser"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// Account is a person's account of the machine.
type Account struct {
	Name, Home, Runtime string
	UID                 uint32
	Card                stack.Card // in a token of their own; zero without

	t       *testing.T
	m       *Machine
	env     []string // what its programs have besides
	login   bool     // they run in a login of their own, as the kernel counts those
	profile string   // of its browser, in its home
}

// Session is one of several desktop sessions of the account: its screen, and its own runtime
// folder, "" for the account's.
func (a *Account) Session(screen, runtime string) *Account {
	a.t.Helper()
	s := *a
	s.env = []string{"DISPLAY=" + screen}
	s.profile = "profile" + strings.TrimPrefix(screen, ":")
	s.login = true
	if runtime != "" {
		s.Runtime = filepath.Join(a.Runtime, runtime)
		if err := os.Mkdir(s.Runtime, 0o700); err != nil {
			a.t.Fatal(err)
		}
		a.owns(s.Runtime)
	}
	return &s
}

// Afar is the account over ssh: another login, before no screen.
func (a *Account) Afar() *Account {
	s := *a
	s.env, s.login = nil, true
	return &s
}

// Forwarded is the account over ssh with a screen of the computer from which the person came, as
// ssh -X has it.
func (a *Account) Forwarded() *Account {
	s := a.Afar()
	s.env = []string{"DISPLAY=localhost:10.0", "SSH_CONNECTION=127.0.0.1 50022 127.0.0.1 22"}
	return s
}

// NewAccount makes the account, as an administrator does.
func (m *Machine) NewAccount(t *testing.T, name string) *Account {
	t.Helper()
	if out, err := exec.Command("useradd", "--create-home", "--shell", "/bin/sh", name).CombinedOutput(); err != nil {
		t.Fatalf("useradd: %v\n%s", err, out)
	}
	found, err := user.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	uid, err := strconv.ParseUint(found.Uid, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	a := &Account{Name: name, Home: found.HomeDir, Runtime: "/run/user/" + found.Uid, UID: uint32(uid), t: t, m: m}
	if err := os.Mkdir(a.Runtime, 0o700); err != nil {
		t.Fatal(err)
	}
	a.owns(a.Runtime)
	return a
}

// owns gives the account a folder and all that is in it.
func (a *Account) owns(dir string) {
	a.t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, int(a.UID), int(a.UID))
	})
	if err != nil {
		a.t.Fatal(err)
	}
}

// environment is that of the account's programs: nothing of the test's own.
func (a *Account) environment() []string {
	return append([]string{
		"HOME=" + a.Home, "USER=" + a.Name, "LOGNAME=" + a.Name, "XDG_RUNTIME_DIR=" + a.Runtime,
		"PATH=/usr/bin:/bin", "LANG=C.UTF-8", "SOFTHSM2_CONF=" + filepath.Join(a.Home, "card", "softhsm2.conf"),
	}, a.env...)
}

// Become makes a command the account's.
func (a *Account) Become(cmd *exec.Cmd) {
	cmd.Dir, cmd.Env = a.Home, a.environment()
	if a.login {
		cmd.Args = append([]string{"/bin/sh", "-c", logsIn, strconv.Itoa(int(a.UID)), cmd.Path}, cmd.Args[1:]...)
		cmd.Path = cmd.Args[0]
		return
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: a.UID, Gid: a.UID}}
}

// logsIn is what pam_loginuid does at a login, and what login programs do then.
const logsIn = `echo "$0" >/proc/self/loginuid && exec setpriv --reuid="$0" --regid="$0" --clear-groups -- "$@"`

// Command is a command of the account's: one of our programs, or any by its path.
func (a *Account) Command(ctx context.Context, program string, args ...string) *exec.Cmd {
	if !strings.Contains(program, "/") {
		program = filepath.Join(a.m.bin, program)
	}
	cmd := exec.CommandContext(ctx, program, args...)
	a.Become(cmd)
	return cmd
}

// Gets puts a card into a token of the account's own, issued by the authority of the folder ca,
// and has a program answer in the person's place.
func (a *Account) Gets(ca, card string) {
	t := a.t
	t.Helper()
	dir := filepath.Join(a.Home, "card")
	if err := os.CopyFS(filepath.Join(dir, "ca"), os.DirFS(ca)); err != nil {
		t.Fatal(err)
	}
	a.owns(dir)
	if out, err := a.Command(t.Context(), "cpx-card", "demo", "--dir", dir, "--card", card).CombinedOutput(); err != nil {
		t.Fatalf("cpx-card: %v\n%s", err, out)
	}
	var cards []stack.Card
	text, err := os.ReadFile(filepath.Join(dir, "cards.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &cards); err != nil || len(cards) != 1 {
		t.Fatalf("%v in %s", err, text)
	}
	a.Card = cards[0]
	// It reads its script beside itself.
	program, err := os.ReadFile(filepath.Join(a.m.bin, "autopin"))
	if err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf(`{"pin": [%q], "confirm": ["ok"], "log": %q}`, democard.PIN, filepath.Join(a.Home, stack.DialogLog))
	for name, text := range map[string][]byte{"autopin": program, "autopin.json": []byte(script)} {
		if err := os.WriteFile(filepath.Join(a.Home, name), text, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	a.owns(a.Home)
}

// Answers is the pinentry of a machine's policy: the one that Gets gave each account.
func (m *Machine) Answers() (path string, err error) {
	path = "/etc/cpx-bridge/pinentry"
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	return path, os.WriteFile(path, []byte("#!/bin/sh\nexec \"$HOME/autopin\" \"$@\"\n"), 0o755)
}

// Agent is an account's agent.
type Agent struct {
	*exec.Cmd
	Said  *testdesktop.Output
	Port  int
	ended chan struct{} // closed when the process has ended, with err
	err   error
}

// Start starts the account's agent; Serves waits for it.
func (a *Account) Start(args ...string) *Agent {
	a.t.Helper()
	agent := &Agent{Said: &testdesktop.Output{}, ended: make(chan struct{})}
	agent.Cmd = a.Command(context.Background(), "cpx-agent", append([]string{"run", "--no-tray"}, args...)...)
	agent.Stdout, agent.Stderr = agent.Said, agent.Said
	if err := agent.Cmd.Start(); err != nil {
		a.t.Fatal(err)
	}
	go func() { defer close(agent.ended); agent.err = agent.Wait() }()
	a.t.Cleanup(func() {
		_ = agent.Process.Signal(syscall.SIGTERM)
		<-agent.ended
		if a.t.Failed() {
			a.t.Logf("%s's agent:\n%s", a.Name, agent.Said)
		}
	})
	return agent
}

// Serves waits until the agent listens, and notes its port.
func (g *Agent) Serves(t *testing.T) {
	t.Helper()
	const before = "msg=listening address=127.0.0.1:"
	text, ok := g.Said.Await(patience, func(text string) bool { return strings.Contains(text, before) })
	if !ok {
		t.Fatalf("no agent: %s", text)
	}
	_, after, _ := strings.Cut(text, before)
	if _, err := fmt.Sscanf(after, "%d", &g.Port); err != nil {
		t.Fatal(err)
	}
}

// Ends waits until the agent has ended by itself, and fails the test where that was with an error.
func (g *Agent) Ends(t *testing.T) {
	t.Helper()
	select {
	case <-g.ended:
		if g.err != nil {
			t.Errorf("the agent ended: %v", g.err)
		}
	case <-time.After(patience):
		t.Fatal("the agent goes on")
	}
}

// Log is what the account's agents have written into their log.
func (a *Account) Log() string {
	a.t.Helper()
	text, err := os.ReadFile(filepath.Join(a.Home, ".local", "state", "cpx-bridge", "agent.log"))
	if err != nil {
		a.t.Fatal(err)
	}
	return string(text)
}

// Browse opens the account's own Chromium, for the stack's portal on a public address, which
// may reach programs of this machine.
func (a *Account) Browse(s *stack.Stack) context.Context {
	t := a.t
	t.Helper()
	home, display := filepath.Join(a.Home, a.profile), ""
	for _, variable := range a.env {
		display, _ = strings.CutPrefix(variable, "DISPLAY=")
	}
	tab, end, err := browser.Start(t.Context(), browser.Options{
		Home: home, Origin: s.Origin, CAFile: s.Path("tls-ca.pem"), Lang: "fr", Public: true, Grant: true, Display: display,
		Modify: func(cmd *exec.Cmd) {
			a.owns(home) // its certificates were put there by root
			a.Become(cmd)
			cmd.Env = append(cmd.Env, "HOME="+home)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(end)
	return tab
}

// dials is a page's handshake, by a program that is in every account's reach; it prints the first
// line of the answer.
const dials = `exec 3<>"/dev/tcp/127.0.0.1/$0" || { echo no connection; exit 0; }
trap '' PIPE
printf 'GET /v1 HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nOrigin: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: cpx.v1\r\n\r\n' "$0" "$1" >&3 2>/dev/null
IFS= read -r -t 20 line <&3
echo "got: $line"`

// DialsSandboxed is Dials by a program for which a sandbox has made another display of its own,
// as Flatpak does.
func (a *Account) DialsSandboxed(port int, origin string) string {
	a.t.Helper()
	out, err := a.Command(a.t.Context(), "/bin/bash", "-c", `DISPLAY=:99 /bin/bash -c "$0" "$@"; true`, dials, strconv.Itoa(port), origin).Output()
	if err != nil {
		a.t.Fatal(err)
	}
	return string(bytes.TrimSpace(out))
}

// Dials is what a program of the account's receives that dials a port as a page of the origin does.
func (a *Account) Dials(port int, origin string) string {
	a.t.Helper()
	out, err := a.Command(a.t.Context(), "/bin/bash", "-c", dials, strconv.Itoa(port), origin).Output()
	if err != nil {
		a.t.Fatal(err)
	}
	return string(bytes.TrimSpace(out))
}
