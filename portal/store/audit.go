package store

import (
	"context"
	"time"
)

// AuditEvent is a row of the audit log: who did what, from where, by which card. It never has
// a password or a token.
type AuditEvent struct {
	ID          int64     `json:"id"`
	At          time.Time `json:"at"`
	Event       string    `json:"event"`
	Account     int64     `json:"account,omitempty"`     // 0: none
	Name        string    `json:"name,omitempty"`        // the account's, or the one that was typed
	Card        int64     `json:"card,omitempty"`        // 0: none that is attached
	Certificate string    `json:"certificate,omitempty"` // hex SHA-256
	Address     string    `json:"address,omitempty"`
	Reason      string    `json:"reason,omitempty"`
}

// AddAudit adds a row; its number is the database's.
func (s *Store) AddAudit(ctx context.Context, e AuditEvent) error {
	return s.together(ctx, func(q querier) error { return addAudit(ctx, q, e) })
}

func addAudit(ctx context.Context, q querier, e AuditEvent) error {
	_, err := q.exec(ctx, `INSERT INTO audit (at, event, account, name, card, certificate, address, reason) VALUES ($1,$2,$3,$4,$5,$6,$7,$8)`,
		e.At.Unix(), e.Event, e.Account, e.Name, e.Card, e.Certificate, e.Address, e.Reason)
	return err
}

// Audit calls do with each row since then, the oldest first; of one account alone where that
// is not 0.
func (s *Store) Audit(ctx context.Context, since time.Time, account int64, do func(AuditEvent) error) error {
	return s.q().each(ctx, func(scan func(...any) error) error {
		var e AuditEvent
		var at int64
		if err := scan(&e.ID, &at, &e.Event, &e.Account, &e.Name, &e.Card, &e.Certificate, &e.Address, &e.Reason); err != nil {
			return err
		}
		e.At = time.Unix(at, 0).UTC()
		return do(e)
	}, `SELECT id, at, event, account, name, card, certificate, address, reason FROM audit
WHERE at >= $1 AND (CAST($2 AS BIGINT) = 0 OR account = $2) ORDER BY at, id`, since.Unix(), account)
}
