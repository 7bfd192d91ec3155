package e2e

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// TestDialogs: the agent as it is built, with keys pressed on its real windows:
// consent, choice and "always" in the agent's own, the PIN in pinentry's.
func TestDialogs(t *testing.T) {
	screen := testdesktop.NewScreen(t)
	screen.Manage()
	s := prepare(t, stack.Options{AgentOnly: true, Ask: true, Cards: []string{"cps", "cpf"}, Extra: map[string]string{
		"DISPLAY": screen.Display, "WAYLAND_DISPLAY": "", "DBUS_SESSION_BUS_ADDRESS": testdesktop.NewKeyring(t, screen.Display).Bus, "HOME": t.TempDir(), "NO_AT_BRIDGE": "1",
	}})
	agent := startAgent(t, s, "--no-tray")
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", agent.PID()))
	if !regexp.MustCompile(`Max core file size +1 `).Match(limits) {
		t.Errorf("the agent, through which the PIN passes, may leave a core dump: %v\n%s", err, limits)
	}
	p := openAs(t, s, askingSite)
	const title = "^CPx Bridge$"
	press := func(keys ...string) func() {
		return func() {
			screen.InFront(screen.Ready(title))
			screen.Do(append([]string{"key"}, keys...)...)
			screen.Gone(title)
		}
	}
	p.at = map[string]func(){
		"waiting-for-consent":  press("Tab", "Return"),
		"choosing-certificate": press("Down", "Return"),
		"waiting-for-pin": func() {
			screen.Front(title)
			screen.Do(append(append([]string{"key"}, strings.Split(s.Cards[1].PIN, "")...), "Return")...)
			screen.Gone(title)
		},
	}
	if got, want := p.logIn(), "waiting-for-consent choosing-certificate waiting-for-pin signing"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	press("Escape")() // "always" is refused

	p.at["waiting-for-consent"] = press("Return") // Enter alone allows nothing
	if a := p.call("authenticate", asks(t)); a.Error == nil || a.Error.Data.Reason != "consent_denied" {
		t.Errorf("%+v", a)
	}
}
