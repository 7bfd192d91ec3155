package portal

import (
	"context"
	"errors"
	"time"
)

// throttle slows the password step down by the card that was proved. Nobody gets there
// without a card and its PIN; an address, which a whole hospital may share, counts for
// nothing, nor does the account, or whoever knows its name could keep its owner out. It
// never locks: a person who knows the password gets in after a delay that the page
// states. The database has the counts, for all instances.
type throttle struct {
	store *store
	now   func() time.Time
}

const (
	freeFailures = 5 // of one card
	maxDelay     = time.Minute
	window       = 10 * time.Minute // after which failures are forgotten
)

// begin returns how long the card must wait before the next try; zero admits this one.
// An admitted try counts as failed from now, because its password takes time to check
// and many could be sent meanwhile.
func (t *throttle) begin(ctx context.Context, c card) (wait time.Duration, err error) {
	now := t.now()
	err = t.store.together(ctx, func(q querier) error {
		var failures, last int64
		err := found(q.QueryRowContext(ctx, `SELECT failures, last FROM password_tries WHERE card = ?`, c.everywhere()).Scan(&failures, &last))
		if err != nil && !errors.Is(err, errNotFound) {
			return err
		}
		since := now.Sub(time.Unix(last, 0))
		if since < 0 { // the clock was ahead then: the wait counts from now
			since = 0
			if _, err := q.ExecContext(ctx, `UPDATE password_tries SET last = ? WHERE card = ?`, now.Unix(), c.everywhere()); err != nil {
				return err
			}
		}
		if since >= window {
			failures = 0
		}
		if wait = delay(failures) - since; wait > 0 {
			return nil
		}
		wait = 0
		_, err = q.ExecContext(ctx, `INSERT INTO password_tries (card, failures, last) VALUES (?,?,?)
ON CONFLICT (card) DO UPDATE SET failures = excluded.failures, last = excluded.last`, c.everywhere(), failures+1, now.Unix())
		return err
	})
	return wait, err
}

// delay is how long to wait after so many failures.
func delay(failures int64) time.Duration {
	if failures < freeFailures {
		return 0
	}
	return min(maxDelay, time.Second<<min(failures-freeFailures+1, 10))
}

// forget forgets a try that did not fail. The card's failures remain, or a person with
// an account could guess at others' between two logins of their own.
func (t *throttle) forget(ctx context.Context, c card) error {
	_, err := t.store.db.ExecContext(ctx, `UPDATE password_tries SET failures = failures - 1 WHERE card = ? AND failures > 0`, c.everywhere())
	return err
}

// everywhere identifies the card in all trust groups.
func (c card) everywhere() string { return c.Group + "\n" + c.key() }
