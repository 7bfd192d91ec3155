package portal

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
)

const (
	nonceLife   = 5 * time.Minute
	pendingLife = 5 * time.Minute
	maxNonces   = 8 // open challenges of one session
)

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

// session is one browser's session. Only the hash of its identifier is stored.
type session struct {
	id      string
	Account int64 // 0: nobody is logged in
	Card    int64 // with which card
	// pending is a card that may be attached within five minutes.
	pending        *card
	pendingAccount int64 // whose password was entered
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
	var accountID, cardID *int64
	err = found(p.store.db.QueryRowContext(r.Context(),
		`SELECT account, card, pending, pending_until, pending_account, created, seen FROM sessions WHERE id = ?`, s.hash()).
		Scan(&accountID, &cardID, &pending, &until, &s.pendingAccount, &created, &seen))
	if errors.Is(err, errNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if now.Sub(time.Unix(seen, 0)) > time.Duration(p.settings.Session.Idle) || now.Sub(time.Unix(created, 0)) > time.Duration(p.settings.Session.Total) {
		return nil, p.drop(r.Context(), s)
	}
	if accountID != nil {
		s.Account = *accountID
	}
	if cardID != nil {
		s.Card = *cardID
	}
	if pending != "" && now.Unix() < until {
		s.pending = &card{}
		if err := json.Unmarshal([]byte(pending), s.pending); err != nil {
			return nil, err
		}
	}
	_, err = p.store.db.ExecContext(r.Context(), `UPDATE sessions SET seen = ? WHERE id = ?`, now.Unix(), s.hash())
	return s, err
}

// renew ends the request's session, if any, and begins another, so that a session
// identifier planted or seen before a login is worthless after it.
func (p *Portal) renew(w http.ResponseWriter, r *http.Request, old *session, s session) (*session, error) {
	if old != nil {
		if err := p.drop(r.Context(), old); err != nil {
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
	if err := p.purge(r.Context(), now); err != nil {
		return nil, err
	}
	_, err := p.store.db.ExecContext(r.Context(),
		`INSERT INTO sessions (id, account, card, pending, pending_until, created, seen) VALUES (?, NULLIF(?,0), NULLIF(?,0), ?, ?, ?, ?)`,
		s.hash(), s.Account, s.Card, pending, until, now.Unix(), now.Unix())
	if err != nil {
		return nil, err
	}
	http.SetCookie(w, &http.Cookie{
		Name: p.cookieName(), Value: s.id, Path: "/", HttpOnly: true, Secure: p.settings.https(), SameSite: http.SameSiteLaxMode,
	})
	return &s, nil
}

func (p *Portal) drop(ctx context.Context, s *session) error {
	_, err := p.store.db.ExecContext(ctx, `DELETE FROM sessions WHERE id = ?`, s.hash())
	return err
}

// purge deletes the sessions that have ended, so that visitors leave nothing
// behind.
func (p *Portal) purge(ctx context.Context, now time.Time) error {
	_, err := p.store.db.ExecContext(ctx, `DELETE FROM sessions WHERE seen < ? OR created < ?`,
		now.Add(-time.Duration(p.settings.Session.Idle)).Unix(), now.Add(-time.Duration(p.settings.Session.Total)).Unix())
	return err
}

// newNonce makes a challenge nonce of the session.
func (p *Portal) newNonce(ctx context.Context, s *session) (string, error) {
	now := p.now()
	nonce := authtoken.NewNonce()
	_, err := p.store.db.ExecContext(ctx, `DELETE FROM nonces WHERE session = ?1 AND (until <= ?2 OR nonce NOT IN
  (SELECT nonce FROM nonces WHERE session = ?1 ORDER BY rowid DESC LIMIT ?3))`, s.hash(), now.Unix(), maxNonces-1)
	if err != nil {
		return "", err
	}
	_, err = p.store.db.ExecContext(ctx, `INSERT INTO nonces (session, nonce, until) VALUES (?,?,?)`, s.hash(), nonce, now.Add(nonceLife).Unix())
	return nonce, err
}

// consumeNonces deletes all nonces of the session and returns those that have not
// expired: whatever the login's outcome, none of them is valid any more.
func (p *Portal) consumeNonces(ctx context.Context, s *session) ([]string, error) {
	rows, err := p.store.db.QueryContext(ctx, `DELETE FROM nonces WHERE session = ? RETURNING nonce, until`, s.hash())
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var open []string
	for rows.Next() {
		var nonce string
		var until int64
		if err := rows.Scan(&nonce, &until); err != nil {
			return nil, err
		}
		if p.now().Unix() < until {
			open = append(open, nonce)
		}
	}
	return open, rows.Err()
}

func (p *Portal) setPendingAccount(ctx context.Context, s *session, id int64) error {
	_, err := p.store.db.ExecContext(ctx, `UPDATE sessions SET pending_account = ? WHERE id = ?`, id, s.hash())
	return err
}
