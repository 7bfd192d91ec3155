package portal

import (
	"context"
	"time"

	"github.com/cpx-bridge/cpx-bridge/portal/auth"
	"github.com/cpx-bridge/cpx-bridge/portal/passwords"
	"github.com/cpx-bridge/cpx-bridge/portal/store"
)

const (
	cleaning = time.Minute // between two cleanings
	// batch is how many rows are deleted at a time: a few milliseconds, for which a request
	// may have to wait.
	batch = 100
	// rest is how long the database is left to the requests after each batch where there are any,
	// as a multiple of what the batch took.
	rest = 9
	// margin is how long what has expired is kept, for a clock that is set back.
	margin = time.Hour
)

// janitor deletes what has expired until ctx ends. No request does, and none waits for
// more than one batch.
func (p *Portal) janitor(ctx context.Context) {
	for {
		if err := p.clean(ctx); err != nil && ctx.Err() == nil {
			p.log.Error("expired rows remain in the database", "error", err)
		}
		if !pause(ctx, cleaning) {
			return
		}
	}
}

// clean deletes what has expired by now.
func (p *Portal) clean(ctx context.Context) error {
	now := p.now()
	for _, old := range []struct {
		what   store.Expired
		before time.Time
	}{
		{store.SessionsSeen, now.Add(-time.Duration(p.settings.Session.Idle))},
		{store.SessionsCreated, now.Add(-time.Duration(p.settings.Session.Total))},
		{store.UsedNonces, now.Add(-margin)},
		{store.PasswordTries, now.Add(-passwords.Window - margin)},
		{store.SigningKeys, now.Add(-2 * auth.KeyLife)},
		{store.DoneForms, now},
		{store.AuditLog, now.Add(-time.Duration(p.settings.Audit.Retention))},
	} {
		for more := true; more; {
			begun := time.Now()
			n, err := p.store.Delete(ctx, old.what, old.before, batch)
			if err != nil {
				return err
			}
			if more = n == batch; more && !p.yield(ctx, time.Since(begun)) {
				return ctx.Err()
			}
		}
	}
	return nil
}

// yield leaves the database to the requests after a batch that took so long: hardly where there
// are none. It reports whether ctx goes on.
func (p *Portal) yield(ctx context.Context, took time.Duration) bool {
	before := p.store.Statements()
	if !pause(ctx, took) {
		return false
	}
	return p.store.Statements() == before || pause(ctx, (rest-1)*took)
}

// pause reports whether the time has passed before ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
