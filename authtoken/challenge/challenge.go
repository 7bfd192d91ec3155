// Package challenge gives a site's pages their challenges, and verifies the tokens that
// answer them. The challenges are in the browsers that they were made for, in signed
// cookies: a site stores nothing for whoever only asks for one, and any number of
// instances serve one browser.
//
// A site makes one [Challenges] when it starts. The page's request for a challenge is
// answered with [Challenges.Issue], its login with [Challenges.Verify], which accepts a
// token once, in the browser that has the challenge's cookie, within [Lifetime].
//
// What a site must store, it stores in a [Store]: the keys that sign the cookies, and
// the nonces of the logins of the last minutes. [Memory] is one for a site of a single
// process; instances that share a database have theirs there.
//
// A refusal is an [*authtoken.Error]: besides the reasons of authtoken, with
// [ReasonExpired] or [ReasonNoCookie].
package challenge

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
)

const (
	// Lifetime is how long a challenge is good.
	Lifetime = 5 * time.Minute
	// Open is how many challenges of one browser are good at a time, for as many tabs.
	Open = 8

	// skew is how far apart the clocks of a site's instances may be.
	skew = time.Minute
	// cookieLife is longer than a challenge's: a cookie that comes too late tells an
	// expired challenge from a browser that keeps no cookies.
	cookieLife = time.Hour
	// maxDropped bounds the cookies that one answer takes back.
	maxDropped = 32
)

const (
	// ReasonExpired says that the challenge has expired or was used, or is of another
	// site's key: one more click begins again.
	ReasonExpired authtoken.Reason = "challenge_expired"
	// ReasonNoCookie says that the browser sent no challenge's cookie: one more click
	// would end the same.
	ReasonNoCookie authtoken.Reason = "no_session"
)

// Store keeps what the instances of a site share. Its methods may be called
// concurrently.
type Store interface {
	// SigningKey returns the key for new challenges, of 32 random bytes, and its number.
	// All instances should change to another from time to time.
	SigningKey(ctx context.Context) (number uint32, key []byte, err error)
	// Key returns the key of that number, also when a later one signs by now; nil where
	// there is none.
	Key(ctx context.Context, number uint32) ([]byte, error)
	// Use remembers the nonce until then, and reports whether it was not remembered
	// already. Of two calls at the same time, in whichever instances, one gets true.
	Use(ctx context.Context, nonce string, until time.Time) (bool, error)
}

// Options are what New needs. Store is required.
type Options struct {
	Store Store
	// HTTPS says that the site's origin is on https; without it the cookies are fit for
	// development on localhost only.
	HTTPS bool
	// Framed lets the cookies be kept where a page of another site has this one in a
	// frame. It needs HTTPS.
	Framed bool
	// Now is the clock; nil: the system's.
	Now func() time.Time
}

// Challenges are a site's. The methods may be called concurrently.
type Challenges struct{ o Options }

// New returns the challenges of a site.
func New(o Options) (*Challenges, error) {
	switch {
	case o.Store == nil:
		return nil, errors.New("challenge: Options without a Store")
	case o.Framed && !o.HTTPS:
		return nil, errors.New("challenge: browsers keep no cookies for frames without https")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Challenges{o}, nil
}

// The nonce begins with its end, so that whoever reads the keys cannot give an old
// token a new life; then come 32 random bytes.
const (
	dateLength  = 8
	nonceLength = dateLength + 32
	cookieBytes = 4 + nonceLength + sha256.Size
)

// open is a challenge that a request brought.
type open struct {
	cookie, nonce string
	until         time.Time
}

// Issue makes a challenge, which the answer's cookie holds, and returns its nonce. It
// takes back the browser's cookies of challenges beyond the newest.
func (c *Challenges) Issue(w http.ResponseWriter, r *http.Request) (nonce string, err error) {
	number, key, err := c.o.Store.SigningKey(r.Context())
	if err != nil {
		return "", err
	}
	known, rest, err := c.brought(r)
	if err != nil {
		return "", err
	}
	for _, more := range known[min(len(known), Open-1):] {
		rest = append(rest, more.cookie)
	}
	for _, name := range rest[:min(len(rest), maxDropped)] {
		c.set(w, name, "", -1)
	}
	if len(rest) > 0 {
		c.set(w, c.ended(), "1", int(cookieLife.Seconds()))
	}
	value := make([]byte, 4+nonceLength, cookieBytes)
	binary.BigEndian.PutUint32(value, number)
	binary.BigEndian.PutUint64(value[4:], uint64(c.o.Now().Add(Lifetime).UnixMilli()))
	_, _ = rand.Read(value[4+dateLength:]) // never fails
	signed := append(value, sign(key, value)...)
	// A cookie for each challenge: two answers that meet under way overwrite nothing.
	c.set(w, c.prefix()+rand.Text()[:10], base64.RawURLEncoding.EncodeToString(signed), int(cookieLife.Seconds()))
	return base64.StdEncoding.EncodeToString(value[4:]), nil
}

// Verify verifies a token against the challenges in the request's cookies: the token
// does not say which of them it answers. A token that is good is good once.
//
// Where the signature fits none of them and others of this browser have ended, the
// token most likely answers one of those, in a tab that stood open: the reason is
// ReasonExpired then, and the error wraps the bad signature.
func (c *Challenges) Verify(w http.ResponseWriter, r *http.Request, v *authtoken.Verifier, token []byte) (authtoken.Result, error) {
	known, rest, err := c.brought(r)
	if err != nil {
		return authtoken.Result{}, err
	}
	_, none := r.Cookie(c.ended())
	more := len(rest) > 0 || none == nil || len(known) > Open
	if len(known) == 0 {
		if !more {
			return authtoken.Result{}, &authtoken.Error{Reason: ReasonNoCookie}
		}
		return authtoken.Result{}, &authtoken.Error{Reason: ReasonExpired}
	}
	var refused error
	for _, o := range known[:min(len(known), Open)] {
		result, err := v.Verify(r.Context(), token, o.nonce)
		if err == nil {
			return result, c.use(w, r, o, len(known) > 1)
		}
		refused = err
		if reason := (*authtoken.Error)(nil); !errors.As(err, &reason) || reason.Reason != authtoken.ReasonBadSignature {
			return authtoken.Result{}, err // no other nonce would change that
		}
	}
	if more {
		refused = &authtoken.Error{Reason: ReasonExpired, Err: fmt.Errorf("of a challenge that has ended, or else %w", refused)}
	}
	return authtoken.Result{}, refused
}

// FromOwnPage reports whether the browser says that a page of this very site sends the
// request, or says nothing, as older ones do. The endpoints for challenge and login are
// for such requests alone: nobody opens them as pages.
func FromOwnPage(r *http.Request) bool {
	from, said := r.Header["Sec-Fetch-Site"]
	return !said || slices.Equal(from, []string{"same-origin"})
}

// use uses up a challenge; others says whether the browser has more of them, against which
// the same token would be verified if it came once more.
func (c *Challenges) use(w http.ResponseWriter, r *http.Request, o open, others bool) error {
	fresh, err := c.o.Store.Use(r.Context(), o.nonce, o.until)
	if err != nil {
		return err
	}
	if !c.o.Now().Before(o.until) { // the store may have forgotten it by now
		return &authtoken.Error{Reason: ReasonExpired, Err: errors.New("the challenge ended while its token was verified")}
	}
	if !fresh {
		return &authtoken.Error{Reason: ReasonExpired, Err: errors.New("the nonce was used")}
	}
	c.set(w, o.cookie, "", -1)
	if others {
		c.set(w, c.ended(), "1", int(cookieLife.Seconds()))
	}
	return nil
}

// brought returns the request's challenges that are good, the newest first, and the
// names of the cookies that are not.
func (c *Challenges) brought(r *http.Request) (good []open, bad []string, err error) {
	for _, cookie := range r.Cookies() {
		if !strings.HasPrefix(cookie.Name, c.prefix()) || cookie.Name == c.ended() {
			continue
		}
		o, valid, err := c.read(r.Context(), cookie)
		switch {
		case err != nil:
			return nil, nil, err
		case valid:
			good = append(good, o)
		default:
			bad = append(bad, cookie.Name)
		}
	}
	slices.SortStableFunc(good, func(a, b open) int { return cmp.Compare(b.until.UnixMilli(), a.until.UnixMilli()) })
	return good, bad, nil
}

func (c *Challenges) read(ctx context.Context, cookie *http.Cookie) (o open, valid bool, err error) {
	value, err := base64.RawURLEncoding.Strict().DecodeString(cookie.Value)
	if err != nil || len(value) != cookieBytes {
		return o, false, nil
	}
	key, err := c.o.Store.Key(ctx, binary.BigEndian.Uint32(value))
	if err != nil || key == nil {
		return o, false, err
	}
	said, mac := value[:4+nonceLength], value[4+nonceLength:]
	if !hmac.Equal(mac, sign(key, said)) {
		return o, false, nil
	}
	o = open{
		cookie: cookie.Name, nonce: base64.StdEncoding.EncodeToString(said[4:]),
		until: time.UnixMilli(int64(binary.BigEndian.Uint64(said[4:]))),
	}
	remaining := o.until.Sub(c.o.Now())
	return o, 0 < remaining && remaining <= Lifetime+skew, nil
}

// sign signs what a cookie says, for this use of the key alone.
func sign(key, said []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("cpx challenge 1\n"))
	mac.Write(said)
	return mac.Sum(nil)
}

// prefix begins the names of the cookies. With __Host- no other host of the domain can
// plant one; browsers take it on https only.
func (c *Challenges) prefix() string {
	if c.o.HTTPS {
		return "__Host-cpx-challenge-"
	}
	return "cpx-challenge-"
}

// ended is the name of the cookie that says that others were taken back. Nothing is
// believed of it but which of two refusals a page reads.
func (c *Challenges) ended() string { return c.prefix() + "ended" }

func (c *Challenges) set(w http.ResponseWriter, name, value string, maxAge int) {
	cookie := &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: maxAge, HttpOnly: true, Secure: c.o.HTTPS, SameSite: http.SameSiteLaxMode,
	}
	if c.o.Framed {
		cookie.SameSite, cookie.Partitioned = http.SameSiteNoneMode, true
	}
	http.SetCookie(w, cookie)
}
