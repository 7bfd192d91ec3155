package prompt

import (
	"context"
	"errors"
	"log/slog"
	"testing"
)

// TestEntryContinues: what was typed remains while what is said around the entry is renewed.
func TestEntryContinues(t *testing.T) {
	ready := signal{slog.DiscardHandler, "accepts keys", make(chan struct{}, 8)}
	talk := &nativeTalk{log: slog.New(ready), cancel: func(error) {}}
	defer talk.close()
	ask := func(ctx context.Context, p PIN) chan result {
		p.Caller, p.Holder = Caller{Origin: "https://portail.example.fr"}, Holder{Name: "TEST"}
		r := questionsIn("fr").askPIN(p)
		r.Quiet = 0
		done := make(chan result, 1)
		go func() { pin, err := talk.pin(ctx, r, 8); done <- result{pin, err} }()
		<-ready.c
		return done
	}
	first, cancel := context.WithCancel(t.Context())
	done := ask(first, PIN{MaxLength: 8})
	a := asked{t: t}
	a.native = standing()
	a.types("12")
	cancel()
	if r := <-done; !errors.Is(r.err, context.Canceled) || r.pin != nil {
		t.Errorf("%+v", r)
	}
	entry := a.edit
	done = ask(t.Context(), PIN{MaxLength: 8, Replaced: true, FinalTry: true})
	if a.edit != entry {
		t.Error("the entry is another one")
	}
	a.types("34")
	a.presses(keyReturn)
	if r := <-done; string(r.pin) != "1234" || r.err != nil {
		t.Errorf("%q %v", r.pin, r.err)
	}
}
