package store

import (
	"context"
	"time"
)

// BeginTry counts a try of a card at a password as failed, unless the card must wait: rule
// says how long, after so many failures and so long after the last. Of tries that come at the
// same time, also to other instances, each sees those before it.
func (s *Store) BeginTry(ctx context.Context, c Card, now time.Time, rule func(failures int64, since time.Duration) (counted int64, wait time.Duration)) (wait time.Duration, err error) {
	err = s.together(ctx, func(q querier) error {
		// A row to lock, where there was none: it stands for no failure.
		if _, err := q.exec(ctx, `INSERT INTO password_tries (card, failures, last) VALUES ($1, 0, $2) ON CONFLICT DO NOTHING`, c.Everywhere(), now.Unix()); err != nil {
			return err
		}
		var failures, last int64
		if err := q.row(ctx, `SELECT failures, last FROM password_tries WHERE card = $1 {lock}`, c.Everywhere()).Scan(&failures, &last); err != nil {
			return err
		}
		since := now.Sub(time.Unix(last, 0))
		if since < 0 { // the clock was ahead then: the wait counts from now
			since = 0
			if _, err := q.exec(ctx, `UPDATE password_tries SET last = $1 WHERE card = $2`, now.Unix(), c.Everywhere()); err != nil {
				return err
			}
		}
		if failures, wait = rule(failures, since); wait > 0 {
			return nil
		}
		wait = 0
		_, err := q.exec(ctx, `UPDATE password_tries SET failures = $2, last = $3 WHERE card = $1`, c.Everywhere(), failures+1, now.Unix())
		return err
	})
	return wait, err
}

// ForgetTry forgets one failure of a card.
func (s *Store) ForgetTry(ctx context.Context, c Card) error {
	_, err := s.write(ctx, `UPDATE password_tries SET failures = failures - 1 WHERE card = $1 AND failures > 0`, c.Everywhere())
	return err
}
