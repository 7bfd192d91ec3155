package cardlogin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/cps"
)

// Login is who logged in, when, and with which card.
type Login struct {
	// Person is whom the card names; without Attributes in a session's Login.
	Person cps.Person
	// Group is the verifier's trust group that accepted the card, and Test whether it
	// is one for test cards.
	Group string
	Test  bool
	// Certificate is the SHA-256 of the certificate, in hex: what a page watches the
	// card by. A renewed card has another.
	Certificate string
	// Account is the portal's own, as Accept sets it.
	Account string `json:",omitempty"`
	// At is when.
	At time.Time

	// Next is where the page goes, as Accept or Sessions set it. It is no part of a session.
	Next string `json:"-"`
	// Result is what the verifier said of the token. It is no part of a session.
	Result authtoken.Result `json:"-"`
}

func newLogin(result authtoken.Result, rules cps.Rules, at time.Time) *Login {
	sum := sha256.Sum256(result.Certificate.Raw)
	return &Login{
		Person: cps.Parse(result.Certificate, rules), Group: result.Group, Test: result.Test,
		Certificate: hex.EncodeToString(sum[:]), At: at, Result: result,
	}
}

// Key is what to find the account by: the trust group, and the identifier as the
// certificate has it. A card that names nobody may pass from hand to hand under one
// identifier, so its certificate identifies it.
func (l *Login) Key() string {
	if l.Person.Named() && l.Person.Identifier != "" {
		return l.Group + " id:" + l.Person.Identifier
	}
	return l.Group + " cert:" + l.Certificate
}

type contextKey struct{}

// Person returns who is logged in, for a request behind [Handler.Identify] or
// [Handler.Require], by the request's context; false where nobody is.
func Person(ctx context.Context) (cps.Person, bool) {
	if l := Current(ctx); l != nil {
		return l.Person, true
	}
	return cps.Person{}, false
}

// Current returns the login of the request's session likewise; nil where there is none.
func Current(ctx context.Context) *Login {
	l, _ := ctx.Value(contextKey{}).(*Login)
	return l
}

// Identify lets next know who is logged in, if anybody is.
func (h *Handler) Identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l, err := h.o.Sessions.Current(r)
		if err != nil {
			h.Refuse(w, r, err)
			return
		}
		if l != nil {
			r = r.WithContext(context.WithValue(r.Context(), contextKey{}, l))
		}
		next.ServeHTTP(w, r)
	})
}

// Require lets in who is logged in alone. Others are sent to LoginPage, or where they ask
// for no page refused with no_login. What next answers stays out of every cache, and so
// out of the back button of whoever sits there next.
func (h *Handler) Require(next http.Handler) http.Handler {
	return h.Identify(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		switch {
		case Current(r.Context()) != nil:
			next.ServeHTTP(w, r)
		case r.Method == http.MethodGet || r.Method == http.MethodHead:
			http.Redirect(w, r, h.o.LoginPage, http.StatusSeeOther)
		default:
			h.Refuse(w, r, &Refusal{Reason: "no_login"})
		}
	}))
}

// Protect is for the whole portal: it refuses requests for another host, and what pages
// of other sites post ([http.CrossOriginProtection]).
func (h *Handler) Protect(next http.Handler) http.Handler {
	foreign := http.NewCrossOriginProtection()
	if err := foreign.AddTrustedOrigin(h.o.Verifier.Origin()); err != nil {
		panic(err) // the verifier has checked it
	}
	foreign.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.Refuse(w, r, &Refusal{Reason: "cross_origin"})
	}))
	inner := foreign.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := h.checkHost(r); err != nil {
			h.Refuse(w, r, err)
			return
		}
		inner.ServeHTTP(w, r)
	})
}
