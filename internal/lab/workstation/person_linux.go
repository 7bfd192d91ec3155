package workstation

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// Person is a person at a workstation, with a keyring and a browser, who runs the
// program as it is installed.
type Person struct {
	*Workstation
	Keyring *testdesktop.Keyring
	t       *testing.T
}

// NewPerson makes a person with a card, whose module the settings name first.
func NewPerson(t *testing.T, settings string, args ...any) *Person {
	t.Helper()
	p := &Person{t: t, Workstation: New(t, "cps"), Keyring: testdesktop.NewKeyring(t, "")}
	p.Settings(t, "modules = [%q]\n"+settings, append([]any{p.Module}, args...)...)
	return p
}

// WithReader makes a person with a virtual card in a virtual reader, used with the
// unmodified OpenSC and pcsc-lite.
func WithReader(t *testing.T) (*Person, *virtual.Station) {
	t.Helper()
	return WithCard(t, virtual.CardOptions{})
}

// WithCard is WithReader with such a card.
func WithCard(t *testing.T, o virtual.CardOptions) (*Person, *virtual.Station) {
	t.Helper()
	modules, err := filepath.Glob("/usr/lib/*/opensc-pkcs11.so")
	if err != nil || len(modules) == 0 {
		need.Lacks(t, "OpenSC's module")
	}
	p := NewPerson(t, "")
	p.Settings(t, "modules = [%q]\nlang = \"en\"\n[ports]\nfirst = %d\ncount = 5\n[limits]\ncard = \"5m\"\nother = \"5m\"\n", modules[0], FreePorts(t, 5))
	pki, err := demopki.New(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	card, err := virtual.NewCard(pki.Intermediate, o)
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(p.Keyring.Home, "pcscd")
	d, err := virtual.NewStation(virtual.StationOptions{Socket: socket, Card: card})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Stop() })
	p.Keyring.Env = append(p.Keyring.Env, "PCSCLITE_CSOCK_NAME="+socket)
	return p, d
}

// Command returns the program's command, as the person starts it.
func (p *Person) Command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(p.t.Context(), os.Args[0], append([]string{"--config", p.Config}, args...)...)
	cmd.Env = append(append(os.Environ(), p.Keyring.Env...), asProgram+"=1", "XDG_STATE_HOME="+filepath.Join(p.Keyring.Home, "state"))
	return cmd
}

// Runs runs the program to its end and returns all its output.
func (p *Person) Runs(exit int, args ...string) string {
	p.t.Helper()
	cmd := p.Command(args...)
	out, _ := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != exit {
		p.t.Errorf("cpx-agent %v: exit %d, want %d\n%s", args, got, exit, out)
	}
	return string(out)
}

// Starts starts the agent and returns a function that waits for a line of its log.
func (p *Person) Starts() (await func(pattern string) []string) {
	p.t.Helper()
	return p.StartsAs(func(*exec.Cmd) {})
}

// StartsAs is Starts with a changed command.
func (p *Person) StartsAs(change func(*exec.Cmd)) (await func(pattern string) []string) {
	p.t.Helper()
	cmd := p.Command("run", "--no-tray")
	change(cmd)
	out, err := cmd.StderrPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	var mu sync.Mutex
	var log strings.Builder
	lines := make(chan struct{}, 1)
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			mu.Lock()
			log.WriteString(s.Text() + "\n")
			mu.Unlock()
			select {
			case lines <- struct{}{}:
			default:
			}
		}
	}()
	p.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	return func(pattern string) []string {
		p.t.Helper()
		for {
			mu.Lock()
			text := log.String()
			mu.Unlock()
			if found := regexp.MustCompile(pattern).FindStringSubmatch(text); found != nil {
				return found
			}
			select {
			case <-lines:
			case <-time.After(testdesktop.Patience):
				p.t.Fatalf("the log has no %s:\n%s", pattern, text)
			}
		}
	}
}

// Database returns the path of the person's certificate database, which Chromium
// reads.
func (p *Person) Database() string { return filepath.Join(p.Keyring.Home, ".pki", "nssdb") }

// NewDatabase makes the database, as Chromium does at its first start.
func (p *Person) NewDatabase() {
	p.t.Helper()
	if err := os.MkdirAll(p.Database(), 0o700); err != nil {
		p.t.Fatal(err)
	}
	if out, err := exec.Command(need.Program(p.t, "certutil"), "-N", "-d", "sql:"+p.Database(), "--empty-password").CombinedOutput(); err != nil {
		p.t.Fatalf("%v %s", err, out)
	}
}

// FreePorts returns the first of n consecutive free ports, below those that the
// system assigns.
func FreePorts(t *testing.T, n int) int {
	t.Helper()
	free := func(port int) bool {
		l, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return false
		}
		return l.Close() == nil
	}
	for range 200 {
		first, i := 20000+rand.IntN(7000), 0
		for i < n && free(first+i) {
			i++
		}
		if i == n {
			return first
		}
	}
	t.Fatal("no free ports")
	return 0
}
