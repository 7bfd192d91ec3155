package store

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// loginAtOnce is Login of a card whose account nothing keeps out, in one statement of
// PostgreSQL's: the way to its server and back is what a transaction of five costs there. It
// reports whether that was all. Where it was not, nothing is done, and Login finds out why. An
// answer that was lost on the way is looked for in the session that it would have begun.
func (s *Store) loginAtOnce(ctx context.Context, c Card, old []byte, next Session, now time.Time, row func(Session) AuditEvent) (session Session, done bool) {
	session = next
	var e AuditEvent
	if row != nil {
		e = row(session)
	}
	err := s.q().row(ctx, `
WITH known AS (
  UPDATE cards SET holder = $3, kind = CASE WHEN $4 = '' THEN kind ELSE $4 END, profession = $5, certificate = $6, used = $7
  WHERE trust_group = $1 AND key = $2 AND (kind = $4 OR kind = '' OR $4 = '')
    AND EXISTS (SELECT 1 FROM accounts a WHERE a.id = cards.account AND a.disabled = 0) RETURNING account, id),
ended AS (DELETE FROM sessions WHERE id = CAST($8 AS BYTEA) AND EXISTS (SELECT 1 FROM known)),
begun AS (
  INSERT INTO sessions (id, account, card, created, seen, address, browser)
  SELECT CAST($9 AS BYTEA), account, id, $7, $7, CAST($10 AS TEXT), CAST($11 AS TEXT) FROM known),
written AS (
  INSERT INTO audit (at, event, account, name, card, certificate, address, reason)
  SELECT CAST($12 AS BIGINT), CAST($13 AS TEXT), account, CAST($14 AS TEXT), id, CAST($15 AS TEXT), CAST($16 AS TEXT), CAST($17 AS TEXT) FROM known WHERE $13 <> '')
SELECT account, id FROM known`,
		c.Group, c.Key(), c.Holder, c.Kind, c.Profession, c.Certificate, now.Unix(), old,
		next.Hash, next.Address, next.Browser, e.At.Unix(), e.Event, e.Name, e.Certificate, e.Address, e.Reason).Scan(&session.Account, &session.Card)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		err = s.q().row(ctx, `SELECT COALESCE(account, 0), COALESCE(card, 0) FROM sessions WHERE id = $1`, next.Hash).Scan(&session.Account, &session.Card)
	}
	if err == nil && row != nil {
		row(session)
	}
	return session, err == nil
}
