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
// consent, choice and PIN in one, "always" in another.
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
	// press answers the login's window where it shows its request of that number; between
	// two questions it shows one that asks nothing.
	press := func(number string, keys ...string) func() {
		return func() {
			window := screen.Find(title)
			screen.Role(window, "cpx-ready-"+number)
			screen.InFront(window)
			screen.Do(append([]string{"key"}, keys...)...)
		}
	}
	p.at = map[string]func(){
		"waiting-for-consent":  press("1", "Tab", "Return"),
		"choosing-certificate": press("3", "Down", "Return"),
		"waiting-for-pin":      press("5", append(strings.Split(s.Cards[1].PIN, ""), "Return")...),
	}
	if got, want := p.logIn(), "waiting-for-consent choosing-certificate waiting-for-pin signing"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	// "Always" has a window of its own.
	always := screen.Find(title)
	screen.Role(always, "cpx-ready-1")
	screen.InFront(always)
	screen.Do("key", "Escape")
	screen.Gone(title)

	p.at["waiting-for-consent"] = press("1", "Return") // Enter alone allows nothing
	if a := p.call("authenticate", asks(t)); a.Error == nil || a.Error.Data.Reason != "consent_denied" {
		t.Errorf("%+v", a)
	}
}
