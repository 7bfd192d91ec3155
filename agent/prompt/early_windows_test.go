package prompt

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt/dialog"
)

// steps is a log that reports its lines, and holds the window's thread where nothing is asked.
type steps struct {
	slog.Handler
	lines chan string
	busy  chan struct{} // receives once the thread is held
	goOn  chan struct{}
}

func (s steps) Enabled(context.Context, slog.Level) bool { return true }

func (s steps) Handle(_ context.Context, r slog.Record) error {
	switch r.Message {
	case "the dialog asks nothing":
		s.busy <- struct{}{}
		<-s.goOn
	case "the dialog accepts keys", "the dialog waits for quiet":
		s.lines <- r.Message
	}
	return nil
}

// ticked waits until the clock of the system's messages has gone on.
func ticked() {
	for begin := ticks(); ticks() == begin; {
	}
}

// TestEntryEarly: what is pressed before a question of a standing window can be seen is not
// its answer, also where the system delivers it later than the question, and however long
// before it was; what was pressed for the question before is no reason to wait.
func TestEntryEarly(t *testing.T) {
	const buttonDown = 0x201
	key := func(n *native) { _, _, _ = procPost.Call(n.window, wmKeyDown, keyReturn, 0) }
	for name, c := range map[string]struct {
		before, after func(n *native) // of what is pressed before or after the question is handed over
		early         bool
	}{
		"nothing":                     {},
		"a key":                       {before: key, early: true},
		"a click, the second of two":  {before: func(n *native) { _, _, _ = procPost.Call(n.window, buttonDown, 1, 0) }, early: true},
		"a key that comes after it":   {after: key, early: true},
		"a click that comes after it": {after: func(n *native) { _, _, _ = procPost.Call(n.window, buttonDown, 1, 0) }, early: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := steps{slog.DiscardHandler, make(chan string, 16), make(chan struct{}), make(chan struct{})}
			n, err := startNative(slog.New(s), func() {})
			if err != nil {
				t.Fatal(err)
			}
			q := questionsIn("fr")
			caller := Caller{Origin: "https://portail.example.fr"}
			ask := func(quiet int) *question {
				r := q.askConsent(caller)
				r.Quiet = quiet
				asked := &question{request: r, reply: make(chan reply, 1)}
				n.questions <- asked
				post(n.window, wmNext)
				return asked
			}
			first := ask(0)
			if got := <-s.lines; got != "the dialog accepts keys" {
				t.Fatal(got)
			}
			for i, b := range first.request.Buttons {
				if b.Answer == dialog.OK {
					_, _, _ = procPost.Call(n.window, wmCommand, idButton+uintptr(i), 0)
				}
			}
			<-s.busy
			if c.before != nil {
				c.before(n)
			}
			second := ask(1)
			if c.after != nil {
				c.after(n)
			}
			ticked()
			ticked() // both processes' view of the clock
			s.goOn <- struct{}{}
			post(n.window, wmEnd)
			<-n.dead
			close(s.lines)
			waited := false
			for line := range s.lines {
				waited = waited || line == "the dialog waits for quiet"
			}
			if waited != c.early {
				t.Errorf("it waits for quiet: %v", waited)
			}
			if len(second.reply) > 0 {
				t.Error("it was answered by what was pressed before")
			}
		})
	}
}

// TestEntryOnReader: where the PIN is typed on the reader, what was wrong with the last one
// can be read too, before anything else about it.
func TestEntryOnReader(t *testing.T) {
	wrong := questionsIn("fr").Text("dialog.wrong_pin")
	for _, p := range []PIN{{WrongPIN: true}, {WrongPIN: true, FinalTry: true}, {}} {
		p.PINPad, p.Caller, p.Holder = true, Caller{Origin: "https://portail.example.fr"}, Holder{Name: "TEST"}
		ready := signal{slog.DiscardHandler, "accepts keys", make(chan struct{}, 8)}
		n, err := startNative(slog.New(ready), func() {})
		if err != nil {
			t.Fatal(err)
		}
		r := questionsIn("fr").askPINPad(p)
		r.Quiet = 0
		n.questions <- &question{request: r, reply: make(chan reply, 1)}
		post(n.window, wmNext)
		<-ready.c
		var texts []string
		for _, part := range n.parts {
			texts = append(texts, textOf(part))
		}
		at := slices.Index(texts, wrong)
		if (at >= 0) != p.WrongPIN {
			t.Errorf("%+v: it shows %q", p, texts)
		}
		if last := slices.Index(texts, r.Final); p.FinalTry && last < at {
			t.Errorf("the last try stands before what was wrong: %q", texts)
		}
		post(n.window, wmEnd)
		<-n.dead
	}
}

func textOf(control uintptr) string {
	var text [256]uint16
	n, _, _ := procGetText.Call(control, uintptr(unsafe.Pointer(&text[0])), uintptr(len(text)))
	return windows.UTF16ToString(text[:n])
}
