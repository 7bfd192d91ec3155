package store

import (
	"context"
	"errors"
	"time"
)

// OpenSessions returns the sessions that the account is logged in with, the one used last first,
// whether or not they have been idle for too long.
func (s *Store) OpenSessions(ctx context.Context, account int64) (list []Session, err error) {
	err = s.q().each(ctx, func(scan func(...any) error) error {
		one := Session{Account: account}
		var created, seen int64
		err := scan(&one.Hash, &one.Card, &created, &seen, &one.Address, &one.Browser)
		one.Created, one.Seen = time.Unix(created, 0), time.Unix(seen, 0)
		list = append(list, one)
		return err
	}, `SELECT id, card, created, seen, address, browser FROM sessions WHERE account = $1 AND card IS NOT NULL ORDER BY seen DESC, created DESC`, account)
	return list, err
}

// EndOneSession ends one session of the account of a session that has not ended meanwhile. That
// there is none is no error: it ended by itself.
func (s *Store) EndOneSession(ctx context.Context, by Session, hash []byte) error {
	return s.together(ctx, func(q querier) error {
		if err := own(ctx, q, by); err != nil {
			return notFoundIsNothing(err)
		}
		_, err := q.exec(ctx, `DELETE FROM sessions WHERE id = $1 AND account = $2`, hash, by.Account)
		return err
	})
}

// EndOpenSessions ends all sessions of the account of a session that has not ended meanwhile, also
// those in which a card waits to be attached to it; with others, all but that session itself.
// It returns how many were logged in.
func (s *Store) EndOpenSessions(ctx context.Context, by Session, others bool, now time.Time) (ended int, err error) {
	spared := []byte{}
	if others {
		spared = by.Hash
	}
	err = s.together(ctx, func(q querier) error {
		if err := own(ctx, q, by); err != nil {
			return err
		}
		if ended, err = endSessions(ctx, q, by.Account, spared); err == nil && !others {
			err = done(ctx, q, by.Hash, DoneEverywhere, nil, now)
		}
		return err
	})
	return ended, err
}

// EndSessionsOf ends all sessions of an account, for an operator, also those in which a card
// waits to be attached to it; it returns how many were logged in.
func (s *Store) EndSessionsOf(ctx context.Context, account int64) (ended int, err error) {
	err = s.together(ctx, func(q querier) error {
		if err = notFoundIsNothing(queue(ctx, q, account)); err == nil {
			ended, err = endSessions(ctx, q, account, []byte{})
		}
		return err
	})
	return ended, err
}

// own holds a session that has not ended, until the transaction does; ErrNotFound: it has.
func own(ctx context.Context, q querier, by Session) error {
	if err := queue(ctx, q, by.Account); err != nil {
		return err
	}
	var account int64
	return found(q.row(ctx, `SELECT account FROM sessions WHERE id = $1 AND account = $2 {lock}`, by.Hash, by.Account).Scan(&account))
}

// queue waits for whoever else ends sessions of an account, until the transaction ends: two that
// end each other's would wait for one another, each with a connection, until PostgreSQL notices
// a second later.
func queue(ctx context.Context, q querier, account int64) error {
	return found(q.row(ctx, `SELECT id FROM accounts WHERE id = $1 {queue}`, account).Scan(&account))
}

func notFoundIsNothing(err error) error {
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

func endSessions(ctx context.Context, q querier, account int64, spared []byte) (int, error) {
	n, err := q.exec(ctx, `DELETE FROM sessions WHERE account = $1 AND id <> $2`, account, spared)
	if err != nil {
		return 0, err
	}
	_, err = q.exec(ctx, `DELETE FROM sessions WHERE pending_account = $1 AND id <> $2`, account, spared)
	return int(n), err
}
