package prompt

import (
	"runtime"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt/dialog"
)

// TestWindowIsPrepared: a login's window process is there before its first question, shows
// nothing until then, and takes that question.
func TestWindowIsPrepared(t *testing.T) {
	t.Setenv("DISPLAY", ":65000") // nothing is shown
	w := window{command: []string{"/bin/sh", "-c", `read question; echo '{"id":1,"answer":"ok"}'; read busy; read more`}}
	ask := &talk{window: w, ctx: t.Context(), cancel: func(error) {}}
	ask.prepare()
	var prepared *windowProcess
	for prepared == nil { // it takes the lock in its own time
		ask.asking.Lock()
		prepared = ask.process
		ask.asking.Unlock()
		runtime.Gosched()
	}
	if ask.stands() {
		t.Error("a window that shows nothing stands")
	}
	r := questionsIn("fr").askConsent(site)
	r.Then = &dialog.Request{Busy: true}
	if _, err := ask.show(t.Context(), r); err != nil || ask.process != prepared {
		t.Errorf("%v, the prepared process: %v", err, ask.process == prepared)
	}
	if !ask.stands() {
		t.Error("a window that was asked does not stand")
	}
	ask.close()
}
