package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/democard"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/pry"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// rarePIN has no four characters in an order that other data has: four digits stand in some
// time, number or key of any process. rarePINKeys are the keys that type it.
const rarePIN = "7}3~9|5^"

var rarePINKeys = []string{"7", "braceright", "3", "asciitilde", "9", "bar", "5", "asciicircum"}

// softHSM runs OpenSC's tool on the stack's card.
func softHSM(t *testing.T, s *stack.Stack, args ...string) string {
	t.Helper()
	cmd := exec.Command(need.Program(t, "pkcs11-tool"), append([]string{"--module", s.Cards[0].Module}, args...)...)
	cmd.Env = s.Env()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("pkcs11-tool %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// lowTries reports whether a wrong PIN was sent to the card since the last right one.
func lowTries(t *testing.T, s *stack.Stack) bool {
	t.Helper()
	out := softHSM(t, s, "--list-token-slots")
	if !strings.Contains(out, "PIN initialized") {
		t.Fatalf("no card: %s", out)
	}
	return strings.Contains(out, "user PIN count low")
}

// TestPINTypedTooEarly: where a login begins with the PIN, what is typed while its window
// opens reaches nobody, however long it goes on, and the real card's tries are as before.
// After the login no four digits of the PIN are in the memory of the agent or its
// module's process.
func TestPINTypedTooEarly(t *testing.T) {
	screen := testdesktop.NewScreen(t)
	screen.Manage()
	s := prepare(t, stack.Options{AgentOnly: true, Extra: map[string]string{
		"DISPLAY": screen.Display, "WAYLAND_DISPLAY": "", "DBUS_SESSION_BUS_ADDRESS": "disabled:", "HOME": t.TempDir(), "NO_AT_BRIDGE": "1",
	}})
	softHSM(t, s, "--login", "--pin", democard.PIN, "--change-pin", "--new-pin", rarePIN)
	agent := startAgent(t, s, "--no-tray")
	p := open(t, s)
	const title = "^CPx Bridge$"

	// One program types all the time, so that no pause on this machine counts as quiet.
	keys := []string{"key", "--delay", "60"}
	for range 20 {
		keys = append(keys, "1", "2", "3", "4", "Return")
	}
	typed := make(chan error, 1)
	go func() {
		_, err := screen.Try(keys...)
		typed <- err
	}()
	p.at = map[string]func(){"waiting-for-pin": func() {
		window := screen.Find(title)
		screen.Await("the window swallows what is typed", func() bool { return strings.HasPrefix(screen.RoleOf(window), "cpx-quiet-1") }) // ten at least
		if err := testdesktop.Await(t, typed); err != nil {
			t.Error(err)
		}
		screen.Role(window, "cpx-ready-1") // the first question stands still
		if lowTries(t, s) {
			t.Error("what was typed while the window opened cost a try")
		}
		screen.InFront(window)
		screen.Do(append(append([]string{"key"}, rarePINKeys...), "Return")...)
	}}
	if got, want := p.logIn(), "waiting-for-pin signing"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	screen.Gone(title)
	if os.Geteuid() != 0 {
		t.Log("only root can read the memory of the agent")
		return
	}
	for _, pid := range append(children(t, agent.PID()), agent.PID()) {
		found, err := pry.Traces(pid, rarePIN, pry.AsText)
		if err != nil || len(found) > 0 {
			t.Errorf("process %d of %d: %q, %v", pid, agent.PID(), found, err)
		}
	}
}

// children are the processes that a process started.
func children(t *testing.T, parent int) (pids []int) {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", parent))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, _ := os.ReadFile(file) // a thread may have ended
		for _, field := range strings.Fields(string(text)) {
			pid, err := strconv.Atoi(field)
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	if len(pids) == 0 {
		t.Fatal("it started none")
	}
	return pids
}

// TestWrongPINCosts: what the test above looks for is there where a wrong PIN was sent.
func TestWrongPINCosts(t *testing.T) {
	s := prepare(t, stack.Options{AgentOnly: true})
	ctx, cancel := context.WithTimeout(t.Context(), testdesktop.Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, need.Program(t, "pkcs11-tool"), "--module", s.Cards[0].Module, "--login", "--pin", "4321", "--list-objects")
	cmd.Env = s.Env()
	if lowTries(t, s) || cmd.Run() == nil || !lowTries(t, s) {
		t.Error("the card does not say that a wrong PIN was sent")
	}
}
