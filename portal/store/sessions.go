package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"
)

// Session is the session of a browser whose person proved a card.
type Session struct {
	Hash    []byte // of its identifier, which only the browser has
	Account int64  // 0: nobody is logged in
	Card    int64  // with which card
	// Pending is a card that may be attached until PendingUntil.
	Pending        *Card
	PendingUntil   time.Time
	PendingAccount int64 // whose password was entered
	Confirmed      bool  // a pending card was attached in it; another session began with that
	Created, Seen  time.Time
	// Address and Browser are where it began: the network's address, and what the browser says
	// that it is.
	Address, Browser string
}

// Session returns a session by the hash of its identifier, whenever it was last used. A
// session whose card is not the account's any more is none: the error is ErrNotFound.
func (s *Store) Session(ctx context.Context, hash []byte) (Session, error) {
	found, err := s.session(ctx, hash)
	if err != nil {
		return Session{}, err
	}
	if found.Account != 0 && found.Card == 0 {
		return Session{}, errors.Join(s.EndSession(ctx, hash), ErrNotFound)
	}
	return found, nil
}

func (s *Store) session(ctx context.Context, hash []byte) (Session, error) {
	one := Session{Hash: hash}
	var pending string
	var until, created, seen, confirmed int64
	var accountID, cardID, pendingAccount sql.NullInt64
	// A session ends with its card: the database sees to that too. It ends with its account
	// being disabled, also one that began at that moment.
	err := found(s.q().row(ctx,
		`SELECT s.account, c.id, s.pending, s.pending_until, s.pending_account, s.confirmed, s.created, s.seen, s.address, s.browser
FROM sessions s LEFT JOIN cards c ON c.id = s.card AND c.account = s.account
  AND NOT EXISTS (SELECT 1 FROM accounts a WHERE a.id = s.account AND a.disabled <> 0) WHERE s.id = $1`, hash).
		Scan(&accountID, &cardID, &pending, &until, &pendingAccount, &confirmed, &created, &seen, &one.Address, &one.Browser))
	if err != nil {
		return one, err
	}
	one.Confirmed = confirmed != 0
	one.Account, one.Card, one.PendingAccount = accountID.Int64, cardID.Int64, pendingAccount.Int64
	one.PendingUntil, one.Created, one.Seen = time.Unix(until, 0), time.Unix(created, 0), time.Unix(seen, 0)
	if pending != "" {
		one.Pending = &Card{}
		err = json.Unmarshal([]byte(pending), one.Pending)
	}
	return one, err
}

// Seen records that a session was used.
func (s *Store) Seen(ctx context.Context, hash []byte, now time.Time) error {
	_, err := s.q().exec(ctx, `UPDATE sessions SET seen = $1 WHERE id = $2`, now.Unix(), hash)
	return err
}

// EndSession deletes a session; that there is none is no error.
func (s *Store) EndSession(ctx context.Context, hash []byte) error { return drop(ctx, s.q(), hash) }

func drop(ctx context.Context, q querier, hash []byte) error {
	_, err := q.exec(ctx, `DELETE FROM sessions WHERE id = $1`, hash)
	return err
}

func begin(ctx context.Context, q querier, s Session, now time.Time) error {
	pending, until := "", int64(0)
	if s.Pending != nil {
		text, err := json.Marshal(s.Pending)
		if err != nil {
			return err
		}
		pending, until = string(text), s.PendingUntil.Unix()
	}
	_, err := q.exec(ctx,
		`INSERT INTO sessions (id, account, card, pending, pending_until, created, seen, address, browser)
VALUES ($1, NULLIF(CAST($2 AS BIGINT),0), NULLIF(CAST($3 AS BIGINT),0), $4, $5, $6, $6, $7, $8)`,
		s.Hash, s.Account, s.Card, pending, until, now.Unix(), s.Address, s.Browser)
	return err
}

// Login begins the session next, of which Hash, Address and Browser count, for whoever proved
// the card, and ends the session of old, where that is not nil. The account that the card is attached to is logged in; a card that is
// attached to none, or that was of another kind, is pending in the session for that long. It
// fails with a *DisabledError.
func (s *Store) Login(ctx context.Context, c Card, old []byte, next Session, now time.Time, pendingLife time.Duration) (Session, error) {
	var session Session
	err := s.together(ctx, func(q querier) error {
		session = next
		known, err := cardByKey(ctx, q, c, "{lock}") // so that it is not detached meanwhile
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		if err != nil || known.Card.Kind != "" && c.Kind != "" && known.Card.Kind != c.Kind {
			// Unknown, or both certificates state a kind and the two differ.
			session.Pending, session.PendingUntil = &c, now.Add(pendingLife)
		} else {
			if err := enabled(ctx, q, known.Account); err != nil {
				return err
			}
			session.Account, session.Card = known.Account, known.ID
			if err := used(ctx, q, known.ID, c, now); err != nil {
				return err
			}
		}
		if old != nil {
			if err := drop(ctx, q, old); err != nil {
				return err
			}
		}
		return begin(ctx, q, session, now)
	})
	return session, err
}

// ErrPasswordReplaced says that an operator replaced the password while it was being checked, or
// erased the account.
var ErrPasswordReplaced = errors.New("portal: the password was replaced meanwhile")

// Confirmable records whose password was entered in a session with a pending card: that of the
// account whose hash was checked, where it is the account's still. It fails with
// ErrPasswordReplaced.
func (s *Store) Confirmable(ctx context.Context, session []byte, account int64, hash string) error {
	return s.together(ctx, func(q querier) error {
		var current string
		err := found(q.row(ctx, `SELECT password FROM accounts WHERE id = $1 {queue}`, account).Scan(&current))
		if errors.Is(err, ErrNotFound) || err == nil && current != hash {
			return ErrPasswordReplaced
		}
		if err != nil {
			return err
		}
		_, err = q.exec(ctx, `UPDATE sessions SET pending_account = $1 WHERE id = $2 AND pending <> ''`, account, session)
		return err
	})
}

var (
	// ErrConfirmed says that the session's card was attached already.
	ErrConfirmed = errors.New("portal: confirmed already")
	// ErrExpired says that no card is pending in the session any more.
	ErrExpired = errors.New("portal: no card is pending")
)

// Confirm attaches the session's pending card to the account whose password was entered,
// and begins the session next, which that opens: once, however many requests ask at a
// time. The salt is remembered with that (Done). It fails with ErrConfirmed, ErrExpired,
// ErrAttachedElsewhere or a *DisabledError.
func (s *Store) Confirm(ctx context.Context, old, next Session, salt []byte, now time.Time) (Session, error) {
	var opened Session
	err := s.together(ctx, func(q querier) error {
		opened = Session{Hash: next.Hash, Address: next.Address, Browser: next.Browser, Account: old.PendingAccount}
		n, err := q.exec(ctx, `UPDATE sessions SET pending = '', pending_account = NULL, confirmed = 1
WHERE id = $1 AND pending <> '' AND pending_until > $2 AND pending_account = $3`, old.Hash, now.Unix(), old.PendingAccount)
		if err != nil {
			return err
		}
		if n == 0 {
			return whyNot(ctx, q, old)
		}
		if err := enabled(ctx, q, old.PendingAccount); err != nil {
			return err
		}
		if opened.Card, err = attach(ctx, q, old.PendingAccount, *old.Pending, now); err != nil {
			return err
		}
		// The old session stays a while, good for nothing but to say that it was confirmed.
		if err := done(ctx, q, old.Hash, DoneAttached, salt, now); err != nil {
			return err
		}
		return begin(ctx, q, opened, now)
	})
	return opened, err
}

func whyNot(ctx context.Context, q querier, s Session) error {
	var confirmed int
	err := found(q.row(ctx, `SELECT confirmed FROM sessions WHERE id = $1`, s.Hash).Scan(&confirmed))
	switch {
	case confirmed != 0:
		return ErrConfirmed
	case err == nil || errors.Is(err, ErrNotFound):
		return ErrExpired
	}
	return err
}
