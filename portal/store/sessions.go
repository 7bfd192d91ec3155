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
	_, err := s.write(ctx, `UPDATE sessions SET seen = $1 WHERE id = $2`, now.Unix(), hash)
	return err
}

// EndSession deletes a session; that there is none is no error.
func (s *Store) EndSession(ctx context.Context, hash []byte) error {
	_, err := s.write(ctx, dropSession, hash)
	return err
}

const dropSession = `DELETE FROM sessions WHERE id = $1`

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
// the card, and ends the session of old, where that is not nil. The account that the card is
// attached to is logged in; a card that is attached to none, or that was of another kind, is
// pending in the session for that long. It fails with a *DisabledError.
//
// The row of the audit log that row makes of the session, where it is not nil, is written in the
// same transaction, and reported as written; where it cannot be, the session begins without it.
// row may be called several times, the last time with the session that is returned.
func (s *Store) Login(ctx context.Context, c Card, old []byte, next Session, now time.Time, pendingLife time.Duration, row func(Session) AuditEvent) (session Session, written bool, err error) {
	if s.postgres {
		if session, done := s.loginAtOnce(ctx, c, old, next, now, row); done {
			return session, row != nil, nil
		}
	}
	err = s.together(ctx, func(q querier) error {
		session = next
		var err error
		session.Account, session.Card, err = loggedInBy(ctx, q, c, now)
		if errors.Is(err, errPending) {
			session.Pending, session.PendingUntil = &c, now.Add(pendingLife)
		} else if err != nil {
			return err
		}
		if old != nil {
			if _, err := q.exec(ctx, dropSession, old); err != nil {
				return err
			}
		}
		if err := begin(ctx, q, session, now); err != nil || row == nil {
			return err
		}
		if err := addAudit(ctx, q, row(session)); err != nil {
			return &rowError{err}
		}
		return nil
	})
	if refused, is := errors.AsType[*rowError](err); is {
		if session, _, err = s.Login(ctx, c, old, next, now, pendingLife, nil); err != nil {
			return session, false, errors.Join(err, refused)
		}
		row(session) // which may be another than the one whose row could not be written
		return session, false, nil
	}
	return session, err == nil && row != nil, err
}

// rowError is of the row of the audit log, and of nothing else.
type rowError struct{ error }

func (e *rowError) Unwrap() error { return e.error }

// errPending says that a card logs no account in, but may be attached to one.
var errPending = errors.New("portal: the card may be attached")

// loggedInBy returns the account that a card logs in, and the card's number, and records that it
// was used. It fails with errPending or a *DisabledError. Where nothing is in the way that is one
// statement, on the way of each login; what is in the way is asked only then.
func loggedInBy(ctx context.Context, q querier, c Card, now time.Time) (account, card int64, err error) {
	err = found(q.row(ctx, `UPDATE cards SET holder = $3, kind = CASE WHEN $4 = '' THEN kind ELSE $4 END, profession = $5, certificate = $6, used = $7
WHERE trust_group = $1 AND key = $2 AND (kind = $4 OR kind = '' OR $4 = '')
  AND EXISTS (SELECT 1 FROM accounts a WHERE a.id = cards.account AND a.disabled = 0) RETURNING account, id`,
		c.Group, c.Key(), c.Holder, c.Kind, c.Profession, c.Certificate, now.Unix()).Scan(&account, &card))
	if !errors.Is(err, ErrNotFound) {
		return account, card, err
	}
	known, err := cardByKey(ctx, q, c, "{lock}") // so that it is not detached meanwhile
	if errors.Is(err, ErrNotFound) {
		return 0, 0, errPending
	}
	if err != nil {
		return 0, 0, err
	}
	if known.Card.Kind != "" && c.Kind != "" && known.Card.Kind != c.Kind { // both certificates state one, and the two differ
		return 0, 0, errPending
	}
	if err := enabled(ctx, q, known.Account); err != nil {
		return 0, 0, err
	}
	return known.Account, known.ID, used(ctx, q, known.ID, c, now) // attached, or enabled, this very moment
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
