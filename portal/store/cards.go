package store

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"strings"
	"time"
	"unicode/utf8"
)

// Card is what a card's certificate says, as the raw strings.
type Card struct {
	Group       string `json:"group"` // the trust group's name
	Identifier  string `json:"identifier"`
	Holder      string `json:"holder"`
	Kind        string `json:"kind"`
	Profession  string `json:"profession"`
	Certificate string `json:"certificate"` // hex SHA-256
	Named       bool   `json:"named"`
	Surname     string `json:"surname,omitempty"` // of a card that is pending alone
}

// Key identifies an attached card within its trust group. A card that names
// nobody may pass from hand to hand under one identifier, so its certificate
// identifies it.
func (c Card) Key() string {
	if c.Named && c.Identifier != "" {
		if !utf8.ValidString(c.Identifier) || strings.ContainsRune(c.Identifier, 0) { // what PostgreSQL does not store
			return "id-hex:" + hex.EncodeToString([]byte(c.Identifier))
		}
		return "id:" + c.Identifier
	}
	return "cert:" + c.Certificate
}

// Everywhere identifies the card in all trust groups.
func (c Card) Everywhere() string { return c.Group + "\n" + c.Key() }

// Attached is a card attached to an account.
type Attached struct {
	ID, Account    int64
	Card           Card
	Attached, Used time.Time
}

const cardColumns = `id, account, trust_group, identifier, holder, kind, profession, certificate, attached, used`

func scanCard(scan func(...any) error) (Attached, error) {
	var a Attached
	var at, used int64
	err := scan(&a.ID, &a.Account, &a.Card.Group, &a.Card.Identifier, &a.Card.Holder, &a.Card.Kind, &a.Card.Profession, &a.Card.Certificate, &at, &used)
	a.Attached, a.Used = time.Unix(at, 0), time.Unix(used, 0)
	return a, found(err)
}

// CardByKey returns the attached card that the certificate says it is.
func (s *Store) CardByKey(ctx context.Context, c Card) (Attached, error) {
	return cardByKey(ctx, s.q(), c, "")
}

func cardByKey(ctx context.Context, q querier, c Card, lock string) (Attached, error) {
	return scanCard(q.row(ctx, `SELECT `+cardColumns+` FROM cards WHERE trust_group = $1 AND key = $2 `+lock, c.Group, c.Key()).Scan)
}

// CardByID returns an attached card by its number.
func (s *Store) CardByID(ctx context.Context, id int64) (Attached, error) {
	return scanCard(s.q().row(ctx, `SELECT `+cardColumns+` FROM cards WHERE id = $1`, id).Scan)
}

// Cards returns the cards of an account, in the order in which they were attached.
func (s *Store) Cards(ctx context.Context, accountID int64) ([]Attached, error) {
	var list []Attached
	err := s.q().each(ctx, func(scan func(...any) error) error {
		a, err := scanCard(scan)
		list = append(list, a)
		return err
	}, `SELECT `+cardColumns+` FROM cards WHERE account = $1 ORDER BY attached, id`, accountID)
	return list, err
}

// ErrAttachedElsewhere says that another account has the card.
var ErrAttachedElsewhere = errors.New("portal: the card is attached to another account")

// attach attaches the card to the account and returns its row's id. A card that
// is the account's already is updated; another account's is left alone, and the
// error is ErrAttachedElsewhere.
func attach(ctx context.Context, q querier, accountID int64, c Card, now time.Time) (int64, error) {
	var id int64
	err := q.row(ctx, `
INSERT INTO cards (account, trust_group, key, identifier, holder, kind, profession, certificate, attached, used) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$9)
ON CONFLICT (trust_group, key) DO UPDATE SET identifier = excluded.identifier, holder = excluded.holder, kind = excluded.kind,
  profession = excluded.profession, certificate = excluded.certificate, attached = excluded.attached, used = excluded.used
WHERE cards.account = excluded.account RETURNING id`,
		accountID, c.Group, c.Key(), c.Identifier, c.Holder, c.Kind, c.Profession, c.Certificate, now.Unix()).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, ErrAttachedElsewhere
	}
	return id, err
}

// used records a login with what the card says today: after a renewal another
// certificate, maybe another profession. A kind no longer stated is retained.
func used(ctx context.Context, q querier, id int64, c Card, now time.Time) error {
	_, err := q.exec(ctx, `UPDATE cards SET holder = $1, kind = CASE WHEN $2 = '' THEN kind ELSE $2 END, profession = $3, certificate = $4, used = $5 WHERE id = $6`,
		c.Holder, c.Kind, c.Profession, c.Certificate, now.Unix(), id)
	return err
}

// Detach detaches a card of the account of a session that has not ended meanwhile:
// with the card that it came by, for example. It returns how many sessions the card had
// opened, which end with it.
func (s *Store) Detach(ctx context.Context, by Session, id int64, now time.Time) (ended int, err error) {
	err = s.together(ctx, func(q querier) error {
		// Of two sessions that detach each other's cards at the same time, one is first.
		if err := own(ctx, q, by); err != nil {
			return err
		}
		if err := q.row(ctx, `SELECT COUNT(*) FROM sessions WHERE card = $1`, id).Scan(&ended); err != nil {
			return err
		}
		n, err := q.exec(ctx, `DELETE FROM cards WHERE id = $1 AND account = $2`, id, by.Account)
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrNotFound
		}
		if _, err = q.exec(ctx, `DELETE FROM sessions WHERE pending_account = $1`, by.Account); err == nil && id == by.Card {
			err = done(ctx, q, by.Hash, DoneDetached, nil, now)
		}
		return err
	})
	return ended, err
}
