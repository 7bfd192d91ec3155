package cardlogin

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/authtoken/challenge"
	"github.com/cpx-bridge/cpx-bridge/cps"
)

// Challenges make the nonces that cards sign, and verify the tokens that answer them:
// a token is good once, in the browser that asked for its nonce. The ready ones are
// [challenge.Challenges], which need nothing of a portal's sessions, and [ChallengesIn].
type Challenges interface {
	// Issue makes a challenge for the request's browser and returns its nonce.
	Issue(w http.ResponseWriter, r *http.Request) (nonce string, err error)
	// Verify verifies a token against the challenges of the request's browser, and uses
	// up the one that it answers. A refusal is an [*authtoken.Error].
	Verify(w http.ResponseWriter, r *http.Request, v *authtoken.Verifier, token []byte) (authtoken.Result, error)
}

// Options are what New needs. Verifier is required.
type Options struct {
	// Verifier decides which cards are good. Its origin is what the portal is called.
	Verifier *authtoken.Verifier
	// Rules are the rules of the authorities whose cards the verifier accepts.
	// Without any a [cps.Person] has no Kind.
	Rules cps.Rules
	// Accept decides who may log in, of the people whose card is good, and may set
	// Account and Next. A [*Refusal] is answered as it is, any other error with 500.
	// nil: everyone.
	Accept func(r *http.Request, l *Login) error
	// Challenges; nil: in cookies, with keys that end with the process.
	Challenges Challenges
	// Sessions; nil: in memory, see [NewMemory].
	Sessions Sessions
	// CheckToken checks the portal's own token against cross-site requests, where its
	// pages send one, in requests by POST: "csrf" of a session, in a header. An error
	// is answered with 403, csrf_failed. What a page of another site sends is refused
	// before, with or without it.
	CheckToken func(r *http.Request) error
	// ChallengeByPost refuses to make challenges for requests by GET.
	ChallengeByPost bool
	// Hosts are names besides the origin's under which the portal answers, without
	// ports, for what watches over it by its address.
	Hosts []string
	// Path is where the Handler is mounted, with a slash at both ends; "": "/auth/".
	Path string
	// Next is where a page goes after a login, and LoggedOut where it goes after a
	// logout, both paths of the portal; "": "/". LoginPage is where [Handler.Require] sends
	// whoever is not logged in; "": "/".
	Next, LoggedOut, LoginPage string
	// Detail returns the text for people of a refusal's reason, in the request's
	// language, or "". nil: the page's library has texts of its own.
	Detail func(r *http.Request, reason string) string
	// Framed lets the cookies be kept where a page of another site has the portal in a
	// frame. It is for the challenges and sessions that New makes itself.
	Framed bool
	// Logger; nil: [slog.Default].
	Logger *slog.Logger
	// Now is the clock; nil: the system's.
	Now func() time.Time
}

// Handler answers the requests of the portal's login pages. It is mounted at Path, where
// it answers challenge, login and logout, or each of its methods where the portal likes.
type Handler struct {
	o     Options
	host  string // of the origin, with its port
	https bool
}

// New makes a Handler. It fails on Options that nobody can have meant.
func New(o Options) (*Handler, error) {
	if o.Verifier == nil {
		return nil, errors.New("cardlogin: Options without a Verifier")
	}
	at, err := url.Parse(o.Verifier.Origin())
	if err != nil {
		return nil, fmt.Errorf("cardlogin: %w", err)
	}
	h := &Handler{o: o, host: at.Host, https: at.Scheme == "https"}
	for _, to := range []struct{ path *string }{{&h.o.Next}, {&h.o.LoggedOut}, {&h.o.LoginPage}} {
		if *to.path = cmp.Or(*to.path, "/"); !ownPath(*to.path) {
			return nil, fmt.Errorf("cardlogin: %q is no path of the portal", *to.path)
		}
	}
	if h.o.Path = cmp.Or(o.Path, "/auth/"); !ownPath(h.o.Path) || !strings.HasSuffix(h.o.Path, "/") {
		return nil, fmt.Errorf("cardlogin: Path is %q, without a slash at both ends", o.Path)
	}
	if h.o.Logger == nil {
		h.o.Logger = slog.Default()
	}
	if h.o.Now == nil {
		h.o.Now = time.Now
	}
	if h.o.Challenges == nil {
		h.o.Challenges, err = challenge.New(challenge.Options{Store: challenge.NewMemory(h.o.Now), HTTPS: h.https, Framed: o.Framed, Now: h.o.Now})
		if err != nil {
			return nil, err
		}
	}
	if h.o.Sessions == nil {
		h.o.Sessions = NewMemory(MemoryOptions{HTTPS: h.https, Framed: o.Framed, Now: h.o.Now})
	}
	return h, nil
}

// ownPath reports whether a browser that is sent there stays at the portal: "//host" and
// "/\host" are elsewhere.
func ownPath(path string) bool {
	u, err := url.Parse(path)
	return err == nil && u.Scheme == "" && u.Host == "" && strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "//") && !strings.Contains(path, `\`)
}

// ServeHTTP answers Path + "challenge", "login" and "logout".
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch name, _ := strings.CutPrefix(r.URL.Path, h.o.Path); name {
	case "challenge":
		h.Challenge(w, r)
	case "login":
		h.Login(w, r)
	case "logout":
		h.Logout(w, r)
	default:
		h.NotFound(w, r)
	}
}

// NotFound answers with a problem that nothing is there.
func (h *Handler) NotFound(w http.ResponseWriter, r *http.Request) {
	h.Refuse(w, r, &Refusal{Status: http.StatusNotFound, Reason: "not_found"})
}

// Challenge answers with a nonce: {"nonce":"…"}.
func (h *Handler) Challenge(w http.ResponseWriter, r *http.Request) {
	methods := []string{http.MethodGet, http.MethodPost}
	if h.o.ChallengeByPost {
		methods = methods[1:]
	}
	if err := h.admit(r, methods); err != nil {
		h.Refuse(w, r, err)
		return
	}
	nonce, err := h.o.Challenges.Issue(w, r)
	if err != nil {
		h.Refuse(w, r, err)
		return
	}
	answer(w, http.StatusOK, "application/json", map[string]string{"nonce": nonce})
}

// Login verifies the token that a page posts, {"auth-token":{…}}, and begins the session.
// It answers with where the page goes: {"next":"/…"}.
func (h *Handler) Login(w http.ResponseWriter, r *http.Request) {
	l, err := h.Verify(w, r)
	if err != nil {
		h.Refuse(w, r, err)
		return
	}
	if h.o.Accept != nil {
		if err := h.o.Accept(r, l); err != nil {
			h.Refuse(w, r, err)
			return
		}
	}
	if err := h.o.Sessions.Begin(w, r, l); err != nil {
		h.Refuse(w, r, err)
		return
	}
	answer(w, http.StatusOK, "application/json", map[string]string{"next": l.Next})
}

// Logout ends the request's session, and sends the browser to LoggedOut: a script that
// accepts JSON alone gets {"next":"/…"}. A page that posts "card", the certificate for which it
// was shown, ends no session of another card: the page of the person before may still be open.
func (h *Handler) Logout(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, authtoken.MaxEnvelopeSize)
	if err := h.admit(r, []string{http.MethodPost}); err != nil {
		h.Refuse(w, r, err)
		return
	}
	l, err := h.o.Sessions.Current(r)
	if err == nil && l != nil && !anotherCard(r, l) {
		err = h.o.Sessions.End(w, r)
	}
	if err != nil {
		h.Refuse(w, r, err)
		return
	}
	if strings.HasPrefix(r.Header.Get("Accept"), "application/json") {
		answer(w, http.StatusOK, "application/json", map[string]string{"next": h.o.LoggedOut})
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, h.o.LoggedOut, http.StatusSeeOther)
}

func anotherCard(r *http.Request, l *Login) bool {
	card := r.PostFormValue("card")
	return card != "" && card != l.Certificate
}
