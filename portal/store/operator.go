package store

import (
	"context"
	"errors"
	"time"
)

// DisabledError says that an operator disabled the account.
type DisabledError struct{ Account int64 }

func (*DisabledError) Error() string { return "portal: the account is disabled" }

// enabled fails with a *DisabledError where an account is disabled.
func enabled(ctx context.Context, q querier, account int64) error {
	var disabled int64
	if err := found(q.row(ctx, `SELECT disabled FROM accounts WHERE id = $1`, account).Scan(&disabled)); err != nil {
		return err
	}
	if disabled != 0 {
		return &DisabledError{account}
	}
	return nil
}

// Listed is an account as an operator sees it: without its password.
type Listed struct {
	ID                             int64
	Name, Display, Service, Region string
	Created                        time.Time
	Disabled                       time.Time // zero: it is not
	Cards, Sessions                int
}

// Accounts calls do with each account, in the order of their names.
func (s *Store) Accounts(ctx context.Context, do func(Listed) error) error {
	return s.q().each(ctx, func(scan func(...any) error) error {
		var l Listed
		var created, disabled int64
		if err := scan(&l.ID, &l.Name, &l.Display, &l.Service, &l.Region, &created, &disabled, &l.Cards, &l.Sessions); err != nil {
			return err
		}
		l.Created = time.Unix(created, 0).UTC()
		if disabled != 0 {
			l.Disabled = time.Unix(disabled, 0).UTC()
		}
		return do(l)
	}, `SELECT id, name, display, service, region, created, disabled,
  (SELECT COUNT(*) FROM cards WHERE cards.account = accounts.id),
  (SELECT COUNT(*) FROM sessions WHERE sessions.account = accounts.id)
FROM accounts ORDER BY name, id`)
}

// AddAccounts adds all of them or none, each with a row of the audit log, of which Account and
// Name are set here. Where one has a name that another has it fails with ErrAccountExists, and
// returns which it is.
func (s *Store) AddAccounts(ctx context.Context, list []Account, row AuditEvent, now time.Time) (at int, err error) {
	err = s.together(ctx, func(q querier) error {
		for i, a := range list {
			at = i
			err := found(q.row(ctx, `INSERT INTO accounts (name, display, service, region, password, created) VALUES ($1,$2,$3,$4,$5,$6) ON CONFLICT DO NOTHING RETURNING id`,
				a.Name, a.Display, a.Service, a.Region, a.Password, now.Unix()).Scan(&row.Account))
			if errors.Is(err, ErrNotFound) {
				return ErrAccountExists
			}
			if err != nil {
				return err
			}
			row.Name = a.Name
			if err := addAudit(ctx, q, row); err != nil {
				return err
			}
		}
		return nil
	})
	return at, err
}

// Disable disables an account, whose sessions end, those too in which a card waits to be
// attached to it. It returns how many were logged in. Doing it twice changes nothing.
func (s *Store) Disable(ctx context.Context, account int64, now time.Time) (ended int, err error) {
	err = s.together(ctx, func(q querier) error {
		n, err := q.exec(ctx, `UPDATE accounts SET disabled = CASE WHEN disabled = 0 THEN CAST($2 AS BIGINT) ELSE disabled END WHERE id = $1`, account, now.Unix())
		if err == nil && n == 0 {
			err = ErrNotFound
		}
		if err != nil {
			return err
		}
		ended, err = endAll(ctx, q, account)
		return err
	})
	return ended, err
}

// Enable lets an account in again.
func (s *Store) Enable(ctx context.Context, account int64) error {
	n, err := s.write(ctx, `UPDATE accounts SET disabled = 0 WHERE id = $1`, account)
	if err == nil && n == 0 {
		return ErrNotFound
	}
	return err
}

// endAll ends the sessions of an account.
func endAll(ctx context.Context, q querier, account int64) (ended int, err error) {
	if err := q.row(ctx, `SELECT COUNT(*) FROM sessions WHERE account = $1`, account).Scan(&ended); err != nil {
		return 0, err
	}
	_, err = q.exec(ctx, `DELETE FROM sessions WHERE account = $1 OR pending_account = $1`, account)
	return ended, err
}

// ResetPassword replaces an account's password by the hash of another. Cards that waited for
// a confirmation by the old one wait no more; who is logged in by a card stays so.
func (s *Store) ResetPassword(ctx context.Context, account int64, hash string) error {
	return s.together(ctx, func(q querier) error {
		n, err := q.exec(ctx, `UPDATE accounts SET password = $2 WHERE id = $1`, account, hash)
		if err == nil && n == 0 {
			err = ErrNotFound
		}
		if err != nil {
			return err
		}
		_, err = q.exec(ctx, `DELETE FROM sessions WHERE pending_account = $1`, account)
		return err
	})
}

// EndSessions ends the sessions of an account, or of all where that is 0, and returns how
// many were logged in.
func (s *Store) EndSessions(ctx context.Context, account int64) (ended int, err error) {
	err = s.together(ctx, func(q querier) error {
		if account != 0 {
			if err := notFoundIsNothing(queue(ctx, q, account)); err != nil {
				return err
			}
			ended, err = endAll(ctx, q, account)
			return err
		}
		if err := q.row(ctx, `SELECT COUNT(*) FROM sessions WHERE account IS NOT NULL`).Scan(&ended); err != nil {
			return err
		}
		_, err := q.exec(ctx, `DELETE FROM sessions`)
		return err
	})
	return ended, err
}

// AllCards calls do with each attached card, in the order of accounts; of one account alone
// where that is not 0.
func (s *Store) AllCards(ctx context.Context, account int64, do func(Attached) error) error {
	return s.q().each(ctx, func(scan func(...any) error) error {
		a, err := scanCard(scan)
		if err != nil {
			return err
		}
		return do(a)
	}, `SELECT `+cardColumns+` FROM cards WHERE CAST($1 AS BIGINT) = 0 OR account = $1 ORDER BY account, attached, id`, account)
}

// Remove detaches a card, whosever it is, and returns it and how many sessions ended with it.
func (s *Store) Remove(ctx context.Context, card int64) (removed Attached, ended int, err error) {
	err = s.together(ctx, func(q querier) error {
		if removed, err = scanCard(q.row(ctx, `SELECT `+cardColumns+` FROM cards WHERE id = $1 {lock}`, card).Scan); err != nil {
			return err
		}
		if err := q.row(ctx, `SELECT COUNT(*) FROM sessions WHERE card = $1`, card).Scan(&ended); err != nil {
			return err
		}
		_, err := q.exec(ctx, `DELETE FROM cards WHERE id = $1`, card)
		return err
	})
	return removed, ended, err
}

// AllSessions calls do with each session that is logged in, the one used last first; of one
// account alone where that is not 0.
func (s *Store) AllSessions(ctx context.Context, account int64, do func(Session) error) error {
	return s.q().each(ctx, func(scan func(...any) error) error {
		var one Session
		var created, seen int64
		if err := scan(&one.Hash, &one.Account, &one.Card, &created, &seen, &one.Address, &one.Browser); err != nil {
			return err
		}
		one.Created, one.Seen = time.Unix(created, 0).UTC(), time.Unix(seen, 0).UTC()
		return do(one)
	}, `SELECT id, account, card, created, seen, address, browser FROM sessions
WHERE account IS NOT NULL AND (CAST($1 AS BIGINT) = 0 OR account = $1) ORDER BY seen DESC, created DESC`, account)
}

// Erase deletes an account with its cards and sessions, and takes out of the audit log whom
// its rows name: what happened when stays there under the account's number.
func (s *Store) Erase(ctx context.Context, account int64) error {
	return s.together(ctx, func(q querier) error {
		a, err := scanAccount(q.row(ctx, `SELECT `+accountColumns+` FROM accounts WHERE id = $1 {lock}`, account))
		if err != nil {
			return err
		}
		// Before a card was attached, its rows have no account: by its certificates they are the
		// person's. Those that others tried at this account are not.
		if _, err := q.exec(ctx, `UPDATE audit SET certificate = '', address = '' WHERE account = 0 AND certificate <> '' AND certificate IN (
  SELECT certificate FROM cards WHERE account = $1 UNION SELECT certificate FROM audit WHERE account = $1 AND event IN ('login', 'card_attached'))`, account); err != nil {
			return err
		}
		// Rows of wrong passwords have the name that was typed, and no account.
		if _, err := q.exec(ctx, `UPDATE audit SET name = '', certificate = '', address = '' WHERE account = $1 OR lower(name) = lower($2)`, account, a.Name); err != nil {
			return err
		}
		_, err = q.exec(ctx, `DELETE FROM accounts WHERE id = $1`, account)
		return err
	})
}
