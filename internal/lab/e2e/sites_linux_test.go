package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

const askingSite = "https://portail.example.fr"

// askStack is an agent that asks for consent, on a bus, with a person who agrees.
func askStack(t *testing.T, bus string) *stack.Stack {
	t.Helper()
	return prepare(t, stack.Options{AgentOnly: true, Ask: true, AutoPIN: script("1234"), Extra: map[string]string{"DBUS_SESSION_BUS_ADDRESS": bus}})
}

// startUntil starts the agent and returns a function that ends it.
func startUntil(t *testing.T, s *stack.Stack) (end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p, err := s.StartAgent(ctx, false, "--no-tray")
	end = func() {
		cancel()
		if p != nil {
			_ = p.Wait()
		}
	}
	t.Cleanup(end)
	if err != nil {
		t.Fatal(err)
	}
	return end
}

// logIn logs in and returns the states that the page was notified of.
func (p *page) logIn() string {
	p.t.Helper()
	p.states = nil
	if a := p.call("authenticate", map[string]any{"challengeNonce": nonce(p.t), "lang": "fr"}); a.Error != nil {
		p.t.Fatalf("%+v", a.Error)
	}
	return strings.Join(p.states, " ")
}

func (p *page) learnsProtocolOnly() bool {
	p.t.Helper()
	return string(p.call("status", nil).Result) == `{"protocol":1}`
}

type listed struct {
	Sites []struct{ Origin string }
	Never []struct {
		Domain  string
		Unsaved bool
	}
	Problem string
}

// sites runs cpx-agent sites.
func sites(t *testing.T, s *stack.Stack, args ...string) (l listed) {
	t.Helper()
	cmd := s.Command(t.Context(), "cpx-agent", append([]string{"sites", "--json", "--config", s.Path("agent.toml")}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run() // its output says more than the error
	if err := json.Unmarshal(out.Bytes(), &l); err != nil {
		t.Fatalf("%v: %v %s%s", args, err, &out, &errs)
	}
	return l
}

// await polls the agent's log for a line, because no event reports one.
func await(t *testing.T, s *stack.Stack, line string) string {
	t.Helper()
	for end := time.Now().Add(2 * testdesktop.Patience); ; time.Sleep(20 * time.Millisecond) {
		text, err := os.ReadFile(s.Path("cpx-agent.log"))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), line) {
			return string(text)
		}
		if time.Now().After(end) {
			t.Fatalf("the log has no %q:\n%s", line, text)
		}
	}
}

const consented, straight = "waiting-for-consent waiting-for-pin signing", "waiting-for-pin signing"

// TestAlwaysAllowed: "always" from the first consent to the end, with an agent, a
// card and a real keyring.
func TestAlwaysAllowed(t *testing.T) {
	keyring := testdesktop.NewKeyring(t, "")
	s := askStack(t, keyring.Bus)
	end := startUntil(t, s)
	p := openAs(t, s, askingSite)
	if !p.learnsProtocolOnly() {
		t.Error("a site not allowed learns more than the protocol")
	}
	if got := p.logIn(); got != consented {
		t.Errorf("first login: %s", got)
	}
	await(t, s, "site remembered")
	if text := dialogs(t, s); !strings.Contains(text, "SETOK Toujours autoriser") || strings.Count(text, askingSite) < 3 {
		t.Errorf("the dialogs:\n%s", text)
	}
	if got := p.logIn(); got != straight || p.learnsProtocolOnly() {
		t.Errorf("second login: %s", got)
	}
	if l := sites(t, s); len(l.Sites) != 1 || l.Sites[0].Origin != askingSite {
		t.Errorf("%+v", l)
	}
	if other := openAs(t, s, askingSite+":8443"); !other.learnsProtocolOnly() {
		t.Error("another port counts as the same site")
	}

	end() // and the agent is started another day
	_ = startUntil(t, s)
	p = openAs(t, s, askingSite)
	if got := p.logIn(); got != straight {
		t.Errorf("login after a new start: %s", got)
	}
	if l := sites(t, s, "forget", askingSite); len(l.Sites) != 0 || l.Problem != "" {
		t.Errorf("%+v", l)
	}
	if !p.learnsProtocolOnly() {
		t.Error("a forgotten site learns more than the protocol on its open socket")
	}
	if got := p.logIn(); got != consented {
		t.Errorf("login after the site was forgotten: %s", got)
	}
}

// TestKeyringFaults: whatever is wrong with the keyring, a login works, nothing is
// remembered or offered, and the fault is logged once.
func TestKeyringFaults(t *testing.T) {
	dead, _ := testdesktop.DeadKeyring(t, false)
	half, _ := testdesktop.DeadKeyring(t, true)
	locked := testdesktop.NewKeyring(t, "")
	locked.Lock()
	for name, c := range map[string]struct{ bus, problem, says string }{
		"no bus":                   {"unix:path=/nonexistent", "no_keyring", "has no keyring"},
		"no keyring on the bus":    {testdesktop.IsolatedBus(t, nil), "no_keyring", "has no keyring"},
		"locked":                   {locked.Bus, "keyring_locked", "is locked"},
		"does not answer":          {dead, "keyring_slow", "does not answer"},
		"stops answering half way": {half, "keyring_slow", "does not answer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := askStack(t, c.bus)
			end := startUntil(t, s)
			p := openAs(t, s, askingSite)
			for range 2 {
				if got := p.logIn(); got != consented {
					t.Errorf("login: %s", got)
				}
			}
			await(t, s, "sites are not remembered")
			if l := sites(t, s); l.Problem != c.problem {
				t.Errorf("%+v, want %s", l, c.problem)
			}
			if got := p.logIn(); got != consented {
				t.Errorf("login: %s", got)
			}
			end()
			log := await(t, s, c.says)
			if n := strings.Count(log, "sites are not remembered"); n != 1 {
				t.Errorf("said %d times:\n%s", n, log)
			}
			if text := dialogs(t, s); strings.Contains(text, "Toujours autoriser") {
				t.Errorf("offered:\n%s", text)
			}
			if names, _ := filepath.Glob(s.Path("state/cpx-bridge/sites.[ns]*")); len(names) != 0 {
				t.Errorf("written: %v", names)
			}
		})
	}
}
