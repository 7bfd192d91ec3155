package cardlogin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/authtoken/challenge"
)

// Session is a portal's own session, by whichever library it has: four methods that the
// libraries have under other names. They may be called concurrently, for one session too.
type Session interface {
	// Get returns the value that the request's session has under the key; "" where there
	// is none.
	Get(r *http.Request, key string) (string, error)
	// Put sets the value for this request and later ones; "" removes it.
	Put(w http.ResponseWriter, r *http.Request, key, value string) error
	// Renew has the session go on under another identifier: who knows the one before
	// has nothing of it.
	Renew(w http.ResponseWriter, r *http.Request) error
	// Destroy ends the session, with all its values. In the same request Renew and Put then
	// begin another one, which has none of them.
	Destroy(w http.ResponseWriter, r *http.Request) error
}

const (
	loginKey     = "cpx-login"
	challengeKey = "cpx-challenges"
)

// SessionsIn has the logins in a portal's own sessions, which end as the library has it.
// What the portal has in a session outlasts the login of somebody who was not logged in, or
// is the same person; another person's login ends it, because on a workstation that several
// share it is about the one before.
// Where the library has them in cookies, and nothing on the server, a copy of a cookie
// outlives the logout.
func SessionsIn(s Session) Sessions { return sessionsIn{s} }

type sessionsIn struct{ Session }

func (s sessionsIn) Begin(w http.ResponseWriter, r *http.Request, l *Login) error {
	text, err := json.Marshal(stored(l))
	if err != nil {
		return err
	}
	// A login that cannot be read is somebody else's too.
	if before, err := s.Current(r); err != nil || before != nil && before.Key() != l.Key() {
		if err := s.Destroy(w, r); err != nil {
			return err
		}
	}
	if err := s.Renew(w, r); err != nil {
		return err
	}
	return s.Put(w, r, loginKey, string(text))
}

func (s sessionsIn) Current(r *http.Request) (*Login, error) {
	text, err := s.Get(r, loginKey)
	if err != nil || text == "" {
		return nil, err
	}
	l := &Login{}
	return l, json.Unmarshal([]byte(text), l)
}

func (s sessionsIn) End(w http.ResponseWriter, r *http.Request) error { return s.Destroy(w, r) }

// Nonces remember which were used. [challenge.SQL] does for all instances of a portal, and
// [challenge.Memory] for a portal of one process alone: with one in each of several, a token
// is good once in each where the session library has sessions in cookies, or where it comes
// to two at the same time.
type Nonces interface {
	// Use remembers the nonce until then, and reports whether it was not remembered
	// already. Of two calls at the same time, in whichever instances, one gets true.
	Use(ctx context.Context, nonce string, until time.Time) (bool, error)
}

// ChallengesIn has the challenges in a portal's own sessions, for a portal whose every
// visitor has one in any case: whoever asks for a challenge gets a session by it. The
// nonces that were used are remembered besides, because session libraries write a session at the
// end of a request: of two at the same time both would find the challenge there. now is the
// clock; nil: the system's.
func ChallengesIn(s Session, used Nonces, now func() time.Time) Challenges {
	if now == nil {
		now = time.Now
	}
	return &challengesIn{s, used, now}
}

type challengesIn struct {
	session Session
	used    Nonces
	now     func() time.Time
}

// issued are the challenges of a session.
type issued struct {
	// Before are how many it has had that are no longer among Open.
	Before int
	Open   []opened // the newest last, some of which may have expired
}

type opened struct {
	Nonce string
	Until time.Time
}

func (c *challengesIn) of(r *http.Request) (*issued, error) {
	text, err := c.session.Get(r, challengeKey)
	if err != nil || text == "" {
		return nil, err
	}
	all := &issued{}
	return all, json.Unmarshal([]byte(text), all)
}

func (c *challengesIn) put(w http.ResponseWriter, r *http.Request, all *issued) error {
	text, err := json.Marshal(all)
	if err != nil {
		return err
	}
	return c.session.Put(w, r, challengeKey, string(text))
}

// remove takes the challenge at the index out.
func (i *issued) remove(at int) {
	i.Open = slices.Delete(i.Open, at, at+1)
	i.Before++
}

func (c *challengesIn) Issue(w http.ResponseWriter, r *http.Request) (nonce string, err error) {
	all, err := c.of(r)
	if err != nil {
		return "", err
	}
	if all == nil {
		all = &issued{}
	}
	for len(all.Open) >= challenge.Open {
		all.remove(0)
	}
	nonce = authtoken.NewNonce()
	all.Open = append(all.Open, opened{nonce, c.now().Add(challenge.Lifetime)})
	return nonce, c.put(w, r, all)
}

func (c *challengesIn) Verify(w http.ResponseWriter, r *http.Request, v *authtoken.Verifier, token []byte) (authtoken.Result, error) {
	all, err := c.of(r)
	if err != nil {
		return authtoken.Result{}, err
	}
	if all == nil {
		return authtoken.Result{}, &authtoken.Error{Reason: challenge.ReasonNoCookie}
	}
	refused := error(&authtoken.Error{Reason: challenge.ReasonExpired})
	for i, o := range all.Open {
		result, err := v.Verify(r.Context(), token, o.Nonce)
		if err == nil {
			if err := c.use(r, o); err != nil {
				return authtoken.Result{}, err
			}
			all.remove(i)
			return result, c.put(w, r, all)
		}
		refused = err
		if why := (*authtoken.Error)(nil); !errors.As(err, &why) || why.Reason != authtoken.ReasonBadSignature {
			return authtoken.Result{}, err // no other nonce would change that
		}
	}
	// Of a session that has had others, the token most likely answers one that has ended.
	if all.Before > 0 {
		refused = &authtoken.Error{Reason: challenge.ReasonExpired, Err: refused}
	}
	return authtoken.Result{}, refused
}

func (c *challengesIn) use(r *http.Request, o opened) error {
	fresh, err := c.used.Use(r.Context(), o.Nonce, o.Until)
	switch {
	case err != nil:
		return err
	case !c.now().Before(o.Until):
		return &authtoken.Error{Reason: challenge.ReasonExpired, Err: errors.New("the challenge has ended")}
	case !fresh:
		return &authtoken.Error{Reason: challenge.ReasonExpired, Err: errors.New("the nonce was used")}
	}
	return nil
}
