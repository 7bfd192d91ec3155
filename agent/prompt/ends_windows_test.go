package prompt

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt/dialog"
)

// TestEntryEnds: a standing window ends, and so does its thread, however it is ended, without
// a key or a movement of the mouse after it. What a program for people who do not see the
// screen does to a button comes as a message that the system does not hand to the thread's
// loop.
func TestEntryEnds(t *testing.T) {
	withdrawn := errors.New("TEST the card was removed")
	command := func(a asked, answer string) {
		for i, b := range a.request.Buttons {
			if b.Answer == answer {
				send(a.window, wmCommand, uintptr(idButton+i), 0)
			}
		}
	}
	for name, c := range map[string]struct {
		end  func(a asked, cancel context.CancelCauseFunc)
		want error
	}{
		"withdrawn":          {func(_ asked, cancel context.CancelCauseFunc) { cancel(withdrawn) }, withdrawn},
		"closed":             {func(a asked, _ context.CancelCauseFunc) { send(a.window, wmClose, 0, 0) }, ErrCancelled},
		"its button pressed": {func(a asked, _ context.CancelCauseFunc) { command(a, dialog.Cancel) }, ErrCancelled},
		"answered":           {func(a asked, _ context.CancelCauseFunc) { a.types("1234"); command(a, dialog.OK) }, nil},
		"ended":              {func(a asked, _ context.CancelCauseFunc) { send(a.window, wmEnd, 0, 0) }, ErrCancelled},
	} {
		t.Run(name, func(t *testing.T) {
			for range 10 {
				ctx, cancel := context.WithCancelCause(t.Context())
				a := askForPINUnder(ctx, t, PIN{MaxLength: 8})
				c.end(a, cancel)
				if r := <-a.done; !errors.Is(r.err, c.want) || (r.err == nil) != (string(r.pin) == "1234") {
					t.Errorf("%q %v, want %v", r.pin, r.err, c.want)
				}
				<-a.dead
				cancel(nil)
			}
		})
	}
	// As the agent ends, or the card leaves, while nothing is asked.
	t.Run("between two questions", func(t *testing.T) {
		for range 10 {
			s := steps{slog.DiscardHandler, make(chan string, 16), make(chan struct{}), make(chan struct{})}
			_, p, end := nativeDialogs{log: slog.New(s)}.Begin(t.Context())
			r := questionsIn("fr").askConsent(Caller{Origin: "https://portail.example.fr"})
			r.Quiet = 0
			done := make(chan error, 1)
			go func() { _, err := p.(platform).show(t.Context(), r); done <- err }()
			<-s.lines
			a := asked{t: t, native: standing()}
			go command(a, dialog.OK) // returns once the window says what happens
			<-s.busy
			s.goOn <- struct{}{}
			if err := <-done; err != nil {
				t.Error(err)
			}
			end()
			<-a.dead
		}
	})
}
