package e2e

import (
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// TestNeverFromWindowToForget: "never" in the real window, remembered in a real keyring,
// over a new start, for all sockets and sites of the domain, until it is taken back.
func TestNeverFromWindowToForget(t *testing.T) {
	screen := testdesktop.NewScreen(t)
	screen.Manage()
	s := prepare(t, stack.Options{AgentOnly: true, Ask: true, Extra: map[string]string{
		"DISPLAY": screen.Display, "WAYLAND_DISPLAY": "", "DBUS_SESSION_BUS_ADDRESS": testdesktop.NewKeyring(t, screen.Display).Bus, "HOME": t.TempDir(), "NO_AT_BRIDGE": "1",
	}})
	end := startUntil(t, s)
	const title = "^CPx Bridge$"
	press := func(keys ...string) func() {
		return func() {
			screen.InFront(screen.Ready(title))
			screen.Do(append([]string{"key"}, keys...)...)
			screen.Gone(title)
		}
	}
	p, other := openAs(t, s, askingSite), openAs(t, s, "https://dossier.example.fr:8443")
	denied := func(p *page, states string) {
		t.Helper()
		p.states = nil
		a := p.call("authenticate", asks(t))
		if got := strings.Join(p.states, " "); a.Error == nil || a.Error.Code != 1002 || a.Error.Data.Reason != "consent_denied" || got != states {
			t.Errorf("%+v after %q, want %q", a.Error, got, states)
		}
	}
	p.at = map[string]func(){"waiting-for-consent": press("shift+Tab", "Return")}
	denied(p, "waiting-for-consent")
	denied(p, "")
	denied(other, "")
	if !p.learnsProtocolOnly() {
		t.Error("a refused site learns more than the protocol")
	}
	await(t, s, "never for example.fr")
	if l := sites(t, s); len(l.Sites) != 0 || len(l.Never) != 1 || l.Never[0].Domain != "example.fr" || l.Never[0].Unsaved {
		t.Errorf("%+v", l)
	}
	end()
	_ = startUntil(t, s)
	p, other = openAs(t, s, "https://www.example.fr"), openAs(t, s, "https://www.example.net")
	denied(p, "")
	other.at = map[string]func(){"waiting-for-consent": press("Return")}
	denied(other, "waiting-for-consent") // another domain asks, and Enter refuses this once
	denied(other, "waiting-for-consent")
	if l := sites(t, s, "forget", "example.fr"); len(l.Never) != 0 || l.Problem != "" {
		t.Errorf("%+v", l)
	}
	p.at = map[string]func(){"waiting-for-consent": press("Escape")}
	denied(p, "waiting-for-consent")
}
