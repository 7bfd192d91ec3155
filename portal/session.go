package portal

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

const pendingLife = 5 * time.Minute

// card is what a card's certificate says, as the raw strings.
type card struct {
	Group       string `json:"group"` // the trust group's name
	Identifier  string `json:"identifier"`
	Holder      string `json:"holder"`
	Kind        string `json:"kind"`
	Profession  string `json:"profession"`
	Certificate string `json:"certificate"` // hex SHA-256
	Named       bool   `json:"named"`
}

// key identifies an attached card within its trust group. A card that names
// nobody may pass from hand to hand under one identifier, so its certificate
// identifies it.
func (c card) key() string {
	if c.Named && c.Identifier != "" {
		return "id:" + c.Identifier
	}
	return "cert:" + c.Certificate
}

// session is the session of a browser whose person proved a card. Only the hash of its
// identifier is stored.
type session struct {
	id      string
	Account int64 // 0: nobody is logged in
	Card    int64 // with which card
	// pending is a card that may be attached within five minutes.
	pending        *card
	pendingAccount int64 // whose password was entered
	confirmed      bool  // a pending card was attached in it; another session began with that
}

func (s session) hash() []byte {
	sum := sha256.Sum256([]byte(s.id))
	return sum[:]
}

func (p *Portal) cookieName() string {
	if p.settings.https() {
		return "__Host-cpx"
	}
	return "cpx" // plain http, on loopback: browsers refuse __Host- without https
}

// session returns the request's session; nil where there is none or it has ended.
func (p *Portal) session(r *http.Request) (*session, error) {
	cookie, err := r.Cookie(p.cookieName())
	if err != nil {
		return nil, nil
	}
	s := &session{id: cookie.Value}
	now := p.now()
	var pending string
	var until, created, seen int64
	var accountID, cardID, pendingAccount, present sql.NullInt64
	err = found(p.store.db.QueryRowContext(r.Context(),
		`SELECT s.account, s.card, c.id, s.pending, s.pending_until, s.pending_account, s.confirmed, s.created, s.seen
FROM sessions s LEFT JOIN cards c ON c.id = s.card AND c.account = s.account WHERE s.id = ?`, s.hash()).
		Scan(&accountID, &cardID, &present, &pending, &until, &pendingAccount, &s.confirmed, &created, &seen))
	if errors.Is(err, errNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	// A session ends with its card: the database sees to that too.
	ended := now.Sub(time.Unix(seen, 0)) > time.Duration(p.settings.Session.Idle) || now.Sub(time.Unix(created, 0)) > time.Duration(p.settings.Session.Total)
	if ended || accountID.Valid && !present.Valid {
		return nil, drop(r.Context(), p.store.db, s)
	}
	s.Account, s.Card, s.pendingAccount = accountID.Int64, cardID.Int64, pendingAccount.Int64
	if pending != "" && now.Unix() < until {
		s.pending = &card{}
		if err := json.Unmarshal([]byte(pending), s.pending); err != nil {
			return nil, err
		}
	}
	if now.Unix() != seen { // one write a second at most, however fast a browser asks
		_, err = p.store.db.ExecContext(r.Context(), `UPDATE sessions SET seen = ? WHERE id = ?`, now.Unix(), s.hash())
	}
	return s, err
}

// renew ends the request's session, if any, and begins another, so that a session
// identifier planted or seen before a login is worthless after it. Once the change is
// made, the cookie is to be set with setSession.
func (p *Portal) renew(ctx context.Context, q querier, old *session, s session) (*session, error) {
	if old != nil {
		if err := drop(ctx, q, old); err != nil {
			return nil, err
		}
	}
	raw := make([]byte, 32)
	if _, err := rand.Read(raw); err != nil {
		return nil, err
	}
	s.id = base64.RawURLEncoding.EncodeToString(raw)
	now := p.now()
	pending, until := "", int64(0)
	if s.pending != nil {
		text, err := json.Marshal(s.pending)
		if err != nil {
			return nil, err
		}
		pending, until = string(text), now.Add(pendingLife).Unix()
	}
	_, err := q.ExecContext(ctx,
		`INSERT INTO sessions (id, account, card, pending, pending_until, created, seen) VALUES (?, NULLIF(?,0), NULLIF(?,0), ?, ?, ?, ?)`,
		s.hash(), s.Account, s.Card, pending, until, now.Unix(), now.Unix())
	return &s, err
}

func (p *Portal) setSession(w http.ResponseWriter, s *session) {
	http.SetCookie(w, &http.Cookie{
		Name: p.cookieName(), Value: s.id, Path: "/", HttpOnly: true, Secure: p.settings.https(), SameSite: http.SameSiteLaxMode,
	})
}

func drop(ctx context.Context, q querier, s *session) error {
	_, err := q.ExecContext(ctx, `DELETE FROM sessions WHERE id = ?`, s.hash())
	return err
}

func (p *Portal) setPendingAccount(ctx context.Context, s *session, id int64) error {
	_, err := p.store.db.ExecContext(ctx, `UPDATE sessions SET pending_account = ? WHERE id = ? AND pending <> ''`, id, s.hash())
	return err
}

var (
	errConfirmed = errors.New("portal: confirmed already")
	errExpired   = errors.New("portal: no card is pending")
)

// confirm attaches the session's pending card to the account whose password was entered,
// and begins the session that it opens: once, however many requests ask at a time. It
// fails with errConfirmed, errExpired or errAttachedElsewhere.
func (p *Portal) confirm(ctx context.Context, old *session) (next *session, err error) {
	err = p.store.together(ctx, func(q querier) error {
		now := p.now()
		result, err := q.ExecContext(ctx, `UPDATE sessions SET pending = '', pending_account = NULL, confirmed = 1
WHERE id = ? AND pending <> '' AND pending_until > ? AND pending_account = ?`, old.hash(), now.Unix(), old.pendingAccount)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, p.whyNot(ctx, q, old))
		}
		id, err := attach(ctx, q, old.pendingAccount, *old.pending, now)
		if err != nil {
			return err
		}
		// The old session stays a while, good for nothing but to say that it was confirmed.
		next, err = p.renew(ctx, q, nil, session{Account: old.pendingAccount, Card: id})
		return err
	})
	return next, err
}

func (p *Portal) whyNot(ctx context.Context, q querier, s *session) error {
	var confirmed bool
	err := found(q.QueryRowContext(ctx, `SELECT confirmed FROM sessions WHERE id = ?`, s.hash()).Scan(&confirmed))
	switch {
	case confirmed:
		return errConfirmed
	case err == nil || errors.Is(err, errNotFound):
		return errExpired
	}
	return err
}
