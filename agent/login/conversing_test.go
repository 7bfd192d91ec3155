package login

import (
	"context"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/agent/protocol"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/fakes"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// conversing is a person whose questions stand in one window, which they can close between
// two of them.
type conversing struct {
	fakes.Person
	close        context.CancelCauseFunc // of the login that runs
	begun, ended int
}

func (c *conversing) Begin(ctx context.Context) (context.Context, prompt.Prompter, func()) {
	c.begun++
	ctx, c.close = context.WithCancelCause(ctx)
	return ctx, c.Person, func() { c.ended++ }
}

// TestCancelledBetweenQuestions: a person who closes the login's window while it asks
// nothing has refused it: nothing is sent, also where the card has signed by then, and it
// counts as a refusal. Each login has one window, which ends with it.
func TestCancelledBetweenQuestions(t *testing.T) {
	for name, outcome := range map[string]func(ctx context.Context, signature pkcs11.Signature, err error) (pkcs11.Signature, error){
		"the card signs all the same": func(_ context.Context, signature pkcs11.Signature, err error) (pkcs11.Signature, error) {
			return signature, err
		},
		"the card's call ends with it": func(ctx context.Context, _ pkcs11.Signature, _ error) (pkcs11.Signature, error) {
			<-ctx.Done()
			return pkcs11.Signature{}, ctx.Err()
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorn(t, Limits{})
			person := &conversing{Person: w.Prompter.(fakes.Person)}
			w.Prompter = person
			pool := w.Signer.(*fakes.Pool)
			sign, closes := pool.Signing, true
			pool.Signing = func(ctx context.Context, r pkcs11.Request) (pkcs11.Signature, error) {
				signature, err := sign(ctx, r)
				if !closes {
					return signature, err
				}
				person.close(prompt.ErrCancelled)
				return outcome(ctx, signature, err)
			}
			for i := range mostWornAllowed {
				if wire := <-w.asks(listedOrigin).answer; wire == nil || wire.Code != protocol.CodeCancelled {
					t.Fatalf("request %d: %+v", i+1, wire)
				}
			}
			if wire := <-w.asks(listedOrigin).answer; wire == nil || wire.Code != protocol.CodeBusy {
				t.Errorf("so many refusals pause nothing: %+v", wire)
			}
			w.after(w.Limits.Pause)
			closes = false
			if wire := <-w.asks(listedOrigin).answer; wire != nil {
				t.Errorf("and then: %+v", wire)
			}
			if want := mostWornAllowed + 1; person.begun != want || person.ended != want {
				t.Errorf("%d windows, %d ended, of %d logins", person.begun, person.ended, want)
			}
		})
	}
}
