package window

import (
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// TestTypedElsewhere: who clicks another window while the PIN is asked types there, also
// where the window had taken the keyboard for itself: nothing of it becomes part of a PIN,
// which Enter would send. A click on the window goes on with what was typed.
func TestTypedElsewhere(t *testing.T) {
	s := screen(t)
	s.Manage()
	var keys testdesktop.Output
	running(t, &keys, need.Program(t, "xev"), "-event", "keyboard")
	other := s.Window("^Event Tester$")
	s.Do("windowmove", "--sync", other, "20", "20")
	a, window := inFront(t.Context(), s, dialogs(), question("pin", "fr"))
	s.Do("key", "1")
	s.Do("mousemove", "--window", other, "10", "10", "click", "1")
	s.Await("the other window has the focus", func() bool {
		focus, err := s.Try("getwindowfocus")
		return err == nil && focus == other
	})
	s.Do("key", "--delay", "100", "d", "u", "p", "o", "n", "Return")
	s.Await("the other window has what was typed in it", func() bool {
		select {
		case got := <-a.answer:
			t.Fatalf("%+v", got)
		default:
		}
		return strings.Contains(keys.String(), "Return")
	})
	s.Role(window, "cpx-away-")
	s.Do("mousemove", "--window", window, "20", "20", "click", "1")
	s.Role(window, "cpx-ready-")
	s.Do("key", "--delay", "50", "2", "3", "4", "Return")
	if got := testdesktop.Await(t, a.answer); got.PIN != "1234" {
		t.Errorf("%+v", got)
	}
}
