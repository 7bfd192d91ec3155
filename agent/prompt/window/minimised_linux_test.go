package window

import (
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// TestMinimised: a question that the person minimises, or the desktop on its own, comes back
// at once: few task bars show it, and without it no other login begins. What was typed on
// the way to another window counts no more than when it opened.
func TestMinimised(t *testing.T) {
	s := screen(t)
	s.Manage()
	in, out, cmd := play(t, yesOrNo(hour))
	window := s.Window(dialogTitle)
	s.InFront(window)
	before := -1
	s.Await("the quiet time has started", func() bool { before = quietStarts(s, window); return before >= 0 })
	s.Do("windowminimize", window)
	s.Await("it loses the keyboard and gets it back", func() bool { return quietStarts(s, window) >= before+2 })
	s.InFront(window)
	closed := make(chan string, 1)
	go func() {
		line, _ := out.ReadString('\n')
		closed <- line
	}()
	var line string
	s.Await("the person can close it", func() bool { // the window manager may be giving it the keyboard once more
		s.Do("key", "alt+F4")
		select {
		case line = <-closed:
			return true
		default:
			return false
		}
	})
	if want := `{"id":0,"answer":"cancel","row":0}` + "\n"; line != want {
		t.Errorf("%q, want %q", line, want)
	}
	if err := in.Close(); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// TestBroughtToFront: a second start of the agent brings the question that stands to the
// front, as it is, with what was typed into it. Where none stands it says so, also where a
// window that asks nothing does.
func TestBroughtToFront(t *testing.T) {
	s := screen(t)
	s.Manage()
	p := dialogs()
	if prompt.ToFront(p) {
		t.Error("a question stands before the first")
	}
	notice := begin(t.Context(), p, question("notice", "fr"))
	s.Ready(dialogTitle)
	if prompt.ToFront(p) {
		t.Error("a notice is a question")
	}
	notice.cancel()
	<-notice.answer
	s.Gone(dialogTitle)

	running(t, &testdesktop.Output{}, need.Program(t, "xev"))
	other := s.Window("^Event Tester$")
	ctx, login, end := prompt.Begin(t.Context(), p)
	a, window := inFront(ctx, s, login, question("pin", "fr"))
	s.Do("key", "1", "2")
	s.Do("windowactivate", "--sync", other)
	if !prompt.ToFront(p) {
		t.Fatal("no question stands")
	}
	s.InFront(window)
	s.Role(window, "cpx-ready-1")
	s.Do("key", "3", "4", "Return")
	if got := testdesktop.Await(t, a.answer); got != typed("1234") {
		t.Errorf("%+v", got)
	}
	s.Role(window, "cpx-busy-2")
	s.Do("windowactivate", "--sync", other)
	if !prompt.ToFront(p) {
		t.Error("the window of a login stands between two questions")
	}
	s.InFront(window)
	end()
	s.Gone(dialogTitle)
	if prompt.ToFront(p) {
		t.Error("a question stands after the login")
	}
}
