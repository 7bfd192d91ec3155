package window

import (
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/ask"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/asroot"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/pry"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// TestPINIsForgotten: once a PIN was typed, with the digits of either part of the
// keyboard, corrected, and handed over, no four digits of it are in the memory of the
// window's process, which still stands.
func TestPINIsForgotten(t *testing.T) {
	if !asroot.Here(t) { // to others the process is closed
		return
	}
	s := screen(t)
	s.Manage()
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", testdesktop.Bus(t)) // what a screen reader would be told, too
	for name, c := range map[string]struct{ keys, typed, pin string }{
		"characters": {"7 braceright 3 9 bar 5 asciicircum Return", "7}39|5^", "7}39|5^"},
		"keypad":     {"KP_7 KP_3 KP_9 KP_5 KP_8 KP_2 KP_Enter", "739582", "739582"},
		"corrected":  {"1 7 braceright 3 9 1 BackSpace bar 5 Home Delete Return", "17}391", "7}39|5"},
		"cancelled":  {"7 3 9 5 8 2 Escape", "739582", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s.T = t
			ctx, login, end := prompt.Begin(t.Context(), dialogs())
			defer end()
			a, window := inFront(ctx, s, login, question("pin", "fr"))
			pid := windowProcess(s, window)
			keys := strings.Fields(c.keys)
			s.Do(append([]string{"key"}, keys[:len(keys)-1]...)...)
			if name == "cancelled" {
				return
			}
			s.Do("key", keys[len(keys)-1])
			if got := testdesktop.Await(t, a.answer); got != (ask.Answer{PIN: c.pin}) {
				t.Errorf("%+v", got)
			}
			s.Role(window, "cpx-busy")
			for _, digits := range []string{c.typed, c.pin} {
				found, err := pry.Traces(pid, digits, pry.AsKeys)
				if err != nil {
					t.Fatal(err)
				}
				for _, trace := range found {
					t.Error(trace)
				}
			}
		})
	}
}

// TestPINIsSeenWhileItStands: what the test above looks for is found where it is.
func TestPINIsSeenWhileItStands(t *testing.T) {
	if !asroot.Here(t) { // to others the process is closed
		return
	}
	s := screen(t)
	s.Manage()
	a, window := inFront(t.Context(), s, dialogs(), question("pin", "fr"))
	s.Do("key", "7", "3", "9", "5", "8", "2")
	pid := windowProcess(s, window)
	s.Await("the entry's own memory has it", func() bool {
		found, err := pry.Traces(pid, "739582", pry.AsKeys)
		return err == nil && len(found) > 0
	})
	found, err := pry.Traces(pid, "739582", pry.AsKeys)
	if err != nil || len(found) < 3 { // 7395, 3958, 9582, in one place; where keys leave traces, these too
		t.Errorf("%q, %v", found, err)
	}
	a.cancel()
	<-a.answer
}
