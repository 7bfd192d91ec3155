package portal

import (
	"context"
	"time"
)

const (
	cleaning = time.Minute // between two cleanings
	batch    = 500         // rows deleted at a time: a few milliseconds
	// rest is how long the database is left to the requests after each batch, as a
	// multiple of what the batch took.
	rest = 2
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
		what   string // by an index
		before time.Time
	}{
		{`DELETE FROM sessions WHERE rowid IN (SELECT rowid FROM sessions WHERE seen < ? LIMIT ?)`, now.Add(-time.Duration(p.settings.Session.Idle))},
		{`DELETE FROM sessions WHERE rowid IN (SELECT rowid FROM sessions WHERE created < ? LIMIT ?)`, now.Add(-time.Duration(p.settings.Session.Total))},
		{`DELETE FROM used_nonces WHERE nonce IN (SELECT nonce FROM used_nonces WHERE until < ? LIMIT ?)`, now.Add(-margin)},
		{`DELETE FROM password_tries WHERE card IN (SELECT card FROM password_tries WHERE last < ? LIMIT ?)`, now.Add(-window - margin)},
		{`DELETE FROM challenge_keys WHERE id IN (SELECT id FROM challenge_keys WHERE made < ? LIMIT ?)`, now.Add(-2 * keyLife)},
	} {
		for more := true; more; {
			begun := time.Now()
			result, err := p.store.db.ExecContext(ctx, old.what, old.before.Unix(), batch)
			if err != nil {
				return err
			}
			n, err := result.RowsAffected()
			if err != nil {
				return err
			}
			if more = n == batch; more && !pause(ctx, rest*time.Since(begun)) {
				return ctx.Err()
			}
		}
	}
	return nil
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
