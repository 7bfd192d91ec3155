// Package sessions has the sessions of the portal's visitors: who sits at a browser, by which
// card, and how long. A session begins with a proved card and with nothing else; its identifier
// is renewed at each step that changes what it may do, and only its hash is stored.
//
// scs has identifier, cookie and middleware. What a session is stands in the portal's own
// tables, which name account and card, and is changed there together with these: nothing of it
// goes by scs's writing at the end of a request, which would bring back a session that ended
// meanwhile.
//
// A [Sessions] may be used concurrently, and several instances share one database.
package sessions

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/cpx-bridge/cpx-bridge/portal/store"
)

// PendingLife is how long a card may be attached after it was proved.
const PendingLife = 5 * time.Minute

// Options are what sessions stand on.
type Options struct {
	Store *store.Store
	Now   func() time.Time
	// A session ends when it was not used for Idle, and Total after it began.
	Idle, Total time.Duration
	// HTTPS says that browsers reach the site by https.
	HTTPS bool
	// Address says where a request comes from.
	Address func(r *http.Request) string
	// Failed answers a request whose session cannot be read.
	Failed func(w http.ResponseWriter, r *http.Request, err error)
}

// Sessions finds, begins and ends sessions.
type Sessions struct {
	Options
	manager *scs.SessionManager
}

// New makes the sessions of an instance.
func New(o Options) *Sessions {
	s := &Sessions{Options: o, manager: scs.New()}
	m := s.manager
	m.Store, m.Codec, m.HashTokenInStore = rows{s}, codec{}, true
	m.Lifetime = o.Total
	m.Cookie.Name, m.Cookie.Secure, m.Cookie.Persist = s.CookieName(), o.HTTPS, false
	if o.Failed != nil {
		m.ErrorFunc = o.Failed
	}
	return s
}

// CookieName is the name of the cookie that holds a session's identifier.
func (s *Sessions) CookieName() string {
	if s.HTTPS {
		return "__Host-cpx"
	}
	return "cpx" // plain http, on loopback: browsers refuse __Host- without https
}

// Middleware reads a request's session once, for all that asks for it later.
func (s *Sessions) Middleware(next http.Handler) http.Handler { return s.manager.LoadAndSave(next) }

// Of returns the request's session; nil where there is none or it has ended.
func (s *Sessions) Of(r *http.Request) (*store.Session, error) {
	id := ""
	if cookie, err := r.Cookie(s.CookieName()); err == nil {
		id = cookie.Value
	}
	ctx, err := s.manager.Load(r.Context(), id) // which the middleware did, where there is one
	if err != nil {
		return nil, err
	}
	found, is := s.manager.Get(ctx, member).(store.Session)
	if !is {
		return nil, nil
	}
	if s.Now().Unix() >= found.PendingUntil.Unix() {
		found.Pending = nil
	}
	return &found, nil
}

// find reads a session that has not ended, and records that it was used.
func (s *Sessions) find(ctx context.Context, hash []byte) (store.Session, error) {
	found, err := s.Store.Session(ctx, hash)
	if err != nil {
		return found, err
	}
	now := s.Now()
	if s.over(found) {
		return found, errors.Join(s.Store.EndSession(ctx, hash), store.ErrNotFound)
	}
	// One write a minute at most, however fast a browser asks: a session of fifteen idle
	// minutes may end up to one minute early.
	if since := now.Sub(found.Seen); since < 0 || since >= min(time.Minute, s.Idle/15) {
		err = s.Store.Seen(ctx, hash, now)
	}
	return found, err
}

// begin makes the identifier of another session, and what sets the browser's cookie once the
// session is in the database.
func (s *Sessions) begin(r *http.Request) (next store.Session, set func(w http.ResponseWriter), err error) {
	fresh, err := s.manager.Load(context.Background(), "")
	if err == nil {
		err = s.manager.RenewToken(fresh)
	}
	if err != nil {
		return next, nil, err
	}
	id := s.manager.Token(fresh)
	next.Hash, next.Browser = hash(id), browserOf(r.UserAgent())
	if s.Address != nil {
		next.Address = s.Address(r)
	}
	return next, func(w http.ResponseWriter) {
		s.manager.WriteSessionCookie(fresh, w, id, s.manager.Deadline(fresh))
	}, nil
}

// Login ends the request's session, if any, and begins another for whoever proved the card, so
// that a session identifier planted or seen before a login is worthless after it. A card that
// is attached to no account becomes the pending card of that session. What row makes of the
// session is written into the audit log with it, as store.Login says, and reported as written.
func (s *Sessions) Login(w http.ResponseWriter, r *http.Request, c store.Card, row func(store.Session) store.AuditEvent) (opened store.Session, written bool, err error) {
	old, err := s.Of(r)
	if err != nil {
		return opened, false, err
	}
	var replaced []byte
	if old != nil {
		replaced = old.Hash
	}
	next, set, err := s.begin(r)
	if err != nil {
		return next, false, err
	}
	if opened, written, err = s.Store.Login(r.Context(), c, replaced, next, s.Now(), PendingLife, row); err == nil {
		set(w)
	}
	return opened, written, err
}

// Confirm attaches the session's pending card to the account whose password was entered, and
// begins the session that it opens: once, however many requests ask at a time. It fails with
// store.ErrConfirmed, store.ErrExpired or store.ErrAttachedElsewhere. With ErrConfirmed it
// returns the session that the first request began, and has set its cookie, where that was a
// moment ago and goes on: of two clicks a browser shows the answer to the second, and may never
// have read the first.
func (s *Sessions) Confirm(w http.ResponseWriter, r *http.Request, old *store.Session) (store.Session, error) {
	if old.Confirmed {
		return s.confirmed(w, r, old)
	}
	next, _, err := s.begin(r)
	if err != nil {
		return next, err
	}
	salt := make([]byte, 32)
	_, _ = rand.Read(salt) // never fails
	id := s.successor(r, salt)
	next.Hash = hash(id)
	if next, err = s.Store.Confirm(r.Context(), *old, next, salt, s.Now()); errors.Is(err, store.ErrConfirmed) {
		return s.confirmed(w, r, old)
	}
	if err == nil {
		err = s.setCookie(w, id)
	}
	return next, err
}

// confirmed finds the session that began when the card of this one was attached.
func (s *Sessions) confirmed(w http.ResponseWriter, r *http.Request, old *store.Session) (next store.Session, err error) {
	was, err := s.Store.Done(r.Context(), old.Hash, s.Now())
	if err == nil && was.What == store.DoneAttached {
		id := s.successor(r, was.Salt)
		next, err = s.find(r.Context(), hash(id))
		switch {
		case err == nil && !s.begunBy(r, next):
			next = store.Session{} // who has an old cookie alone gets no session that goes on
		case err == nil:
			err = s.setCookie(w, id)
		}
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return next, err
	}
	return next, store.ErrConfirmed
}

// begunBy reports whether the request looks as the one did that began the session: by its
// browser and its address.
func (s *Sessions) begunBy(r *http.Request, begun store.Session) bool {
	return begun.Browser == browserOf(r.UserAgent()) && (s.Address == nil || begun.Address == s.Address(r))
}

// setCookie sets the browser's cookie.
func (s *Sessions) setCookie(w http.ResponseWriter, id string) error {
	fresh, err := s.manager.Load(context.Background(), "")
	if err == nil {
		s.manager.WriteSessionCookie(fresh, w, id, s.manager.Deadline(fresh))
	}
	return err
}

// successor is the identifier of the session that follows the request's. Whoever has the
// database alone, or the old identifier alone, cannot make it; whoever sends the old one, in
// the moment in which a second click may come, gets it from the browser's own place alone.
func (s *Sessions) successor(r *http.Request, salt []byte) string {
	old, err := r.Cookie(s.CookieName())
	if err != nil {
		return "" // no request with a session
	}
	mac := hmac.New(sha256.New, []byte(old.Value))
	mac.Write(salt)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// Done reports whether the request's session ended a moment ago with what a form of it did.
func (s *Sessions) Done(r *http.Request, what string) (bool, error) {
	cookie, err := r.Cookie(s.CookieName())
	if err != nil {
		return false, nil
	}
	was, err := s.Store.Done(r.Context(), hash(cookie.Value), s.Now())
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return was.What == what, err
}

// End ends a session, where there is one, and takes the browser's cookie away.
func (s *Sessions) End(ctx context.Context, w http.ResponseWriter, old *store.Session) error {
	if old != nil {
		if err := s.Store.EndSession(ctx, old.Hash); err != nil {
			return err
		}
	}
	s.manager.WriteSessionCookie(ctx, w, "", time.Time{})
	return nil
}

func hash(id string) []byte {
	sum := sha256.Sum256([]byte(id))
	return sum[:]
}

// member is what a session's data has in scs.
const member = "session"

// rows is the portal's database as scs reads it.
type rows struct{ *Sessions }

// FindCtx returns a session by the hash of its token, as scs writes it.
func (s rows) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	sum, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return nil, false, err
	}
	found, err := s.find(ctx, sum)
	if errors.Is(err, store.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	text, err := json.Marshal(found)
	return text, true, err
}

// CommitCtx writes nothing: a session is written with what it is about.
func (rows) CommitCtx(context.Context, string, []byte, time.Time) error { return nil }

// DeleteCtx deletes nothing: End does.
func (rows) DeleteCtx(context.Context, string) error { return nil }

// Find is FindCtx, which scs calls.
func (s rows) Find(token string) ([]byte, bool, error) {
	return s.FindCtx(context.Background(), token)
}

// Commit is CommitCtx.
func (rows) Commit(string, []byte, time.Time) error { return nil }

// Delete is DeleteCtx.
func (rows) Delete(string) error { return nil }

// codec hands a session through scs.
type codec struct{}

// Encode is of what is never written.
func (codec) Encode(time.Time, map[string]any) ([]byte, error) { return nil, nil }

// Decode reads what FindCtx returned. The deadline is checked there, by the portal's clock.
func (codec) Decode(text []byte) (time.Time, map[string]any, error) {
	var found store.Session
	err := json.Unmarshal(text, &found)
	return time.Time{}, map[string]any{member: found}, err
}
