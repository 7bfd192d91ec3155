package passwords

import (
	"context"
	"time"

	"github.com/cpx-bridge/cpx-bridge/portal/store"
)

// Throttle slows the password step down by the card that was proved. Nobody gets there
// without a card and its PIN; an address, which a whole hospital may share, counts for
// nothing, nor does the account, or whoever knows its name could keep its owner out. It
// never locks: a person who knows the password gets in after a delay that the page
// states. The database has the counts, for all instances.
type Throttle struct {
	Store *store.Store
	Now   func() time.Time
}

const (
	// FreeFailures of one card cost it no delay.
	FreeFailures = 5
	// MaxDelay is the longest delay.
	MaxDelay = time.Minute
	// Window is how long after its last failure a card's failures are forgotten.
	Window = 10 * time.Minute
)

// Begin returns how long the card must wait before the next try; zero admits this one.
// An admitted try counts as failed from now, because its password takes time to check
// and many could be sent meanwhile.
func (t *Throttle) Begin(ctx context.Context, c store.Card) (wait time.Duration, err error) {
	return t.Store.BeginTry(ctx, c, t.Now(), func(failures int64, since time.Duration) (int64, time.Duration) {
		if since >= Window {
			failures = 0
		}
		return failures, delay(failures) - since
	})
}

// delay is how long to wait after so many failures.
func delay(failures int64) time.Duration {
	if failures < FreeFailures {
		return 0
	}
	return min(MaxDelay, time.Second<<min(failures-FreeFailures+1, 10))
}

// Forget forgets a try that did not fail. The card's failures remain, or a person with
// an account could guess at others' between two logins of their own.
func (t *Throttle) Forget(ctx context.Context, c store.Card) error { return t.Store.ForgetTry(ctx, c) }
