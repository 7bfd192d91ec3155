package prompt

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt/dialog"
)

// TestEntryCopies: a button copies what it is for, every line of it, and not what the window
// shows; the window stays, and says that it was done.
func TestEntryCopies(t *testing.T) {
	ready := signal{slog.DiscardHandler, "accepts keys", make(chan struct{}, 8)}
	const copies = "TEST doctor/é « code » 1\nTEST second line"
	q := questionsIn("fr")
	r := q.noticeToCopy(Notice{Title: "TEST", Text: "TEST shown", Hint: "TEST hint", Label: "Copier pour la hotline", Copy: copies})
	r.Quiet = 0
	done := make(chan error, 1)
	go func() { _, err := natives{log: slog.New(ready)}.show(t.Context(), r); done <- err }()
	select {
	case <-ready.c:
	case err := <-done:
		t.Fatal(err)
	}
	a := asked{t: t}
	a.native = standing()
	for i, b := range r.Buttons {
		if b.Answer != dialog.Copy {
			continue
		}
		got := ""
		// wine may put the screen's own selection, which is empty, into the clipboard meanwhile.
		for range 5 {
			send(a.window, wmCommand, uintptr(idButton+i), 0)
			if got = clipboard(t, a.window); got != "" {
				break
			}
		}
		if want := strings.ReplaceAll(copies, "\n", "\r\n"); got != want {
			t.Errorf("the clipboard has %q, want %q", got, want)
		}
		if got := textOf(a.buttons[i]); got != q.Text("dialog.copied") {
			t.Errorf("the button says %q", got)
		}
	}
	_, _, _ = procPost.Call(a.window, wmCommand, idCancel, 0)
	<-done
}
