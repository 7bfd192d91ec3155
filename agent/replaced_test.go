package agent

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/login"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/fakes"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// quiet is a person whose PIN dialogs wait for quiet.
type quiet struct{ fakes.Person }

func (quiet) ReplacesPIN() bool { return true }

const pause = 50 * time.Millisecond

// A dialog that shows PIN tries of before is replaced by one that waits for quiet.
// Where none does, the second one comes after a pause: the rest of what is being
// typed must not go to the card as a PIN.
func TestPINDialogIsReplaced(t *testing.T) {
	for name, c := range map[string]struct {
		prompter func(p fakes.Person) prompt.Prompter
		pause    time.Duration // at least
	}{
		"waits for quiet": {func(p fakes.Person) prompt.Prompter { return quiet{p} }, 0},
		"does not":        {func(p fakes.Person) prompt.Prompter { return p }, pause},
	} {
		t.Run(name, func(t *testing.T) {
			pool, person := fakes.OneCard(t)
			signer := pool.Signing
			changed := make(chan func(error), 1)
			pool.Signing = func(ctx context.Context, r pkcs11.Request) (pkcs11.Signature, error) {
				ask := r.PIN
				r.PIN = func(ctx context.Context, q pkcs11.PINRequest) ([]byte, error) { // as the pool does
					first, end := context.WithCancelCause(ctx)
					changed <- end
					pin, err := ask(first, q)
					if err == nil {
						return pin, nil
					}
					return ask(ctx, q)
				}
				return signer(ctx, r)
			}
			var got []bool
			var gone time.Time
			person.OnPIN = func(ctx context.Context, p prompt.PIN) ([]byte, error) {
				if got = append(got, p.Replaced); len(got) == 1 {
					gone = time.Now()
					(<-changed)(pkcs11.ErrTriesChanged)
				} else if took := time.Since(gone); took < c.pause {
					t.Errorf("the second dialog came after %v", took)
				}
				if ctx.Err() != nil {
					return nil, ctx.Err()
				}
				return []byte("1234"), nil
			}
			p := openPage(t, serve(t, setup{pool: pool, prompter: c.prompter(person), limits: Limits{Login: login.Limits{Replace: pause}}}), listedOrigin)
			p.authenticate(1)
			if a := p.answer(); a.Error != nil {
				t.Fatal(a.Error)
			}
			if !slices.Equal(got, []bool{false, true}) {
				t.Errorf("replaced: %v", got)
			}
		})
	}
}
