// Package auth answers what the page's script asks: the challenge, the login by its token, and
// the self-test of a workstation. It is package cardlogin over the portal's own database: the
// keys of the challenges, the nonces that were used, and sessions whose card is attached to an
// account, or is to be. An [Endpoints] may be used concurrently. It never accepts a
// nonce twice, and stores nothing for who has no card that the site accepts.
package auth

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/authtoken/challenge"
	"github.com/cpx-bridge/cpx-bridge/cardlogin"
	"github.com/cpx-bridge/cpx-bridge/cps"
	"github.com/cpx-bridge/cpx-bridge/portal/answers"
	"github.com/cpx-bridge/cpx-bridge/portal/auditlog"
	"github.com/cpx-bridge/cpx-bridge/portal/sessions"
	"github.com/cpx-bridge/cpx-bridge/portal/settings"
	"github.com/cpx-bridge/cpx-bridge/portal/store"
)

// Endpoints are /auth/challenge, /auth/login and /auth/selftest. Whatever else is asked for
// under /auth/ is answered with a problem.
type Endpoints struct {
	settings *settings.Settings
	cards    *cardlogin.Handler
	log      *slog.Logger
	now      func() time.Time
}

// After are the pages where a login leads: of an account, and of a card that is attached to
// none.
type After struct{ Space, First string }

// NewVerifier makes the verifier of a profile that the settings gave. Errors are of type
// *settings.Error.
func NewVerifier(s *settings.Settings, profile authtoken.Profile, revocation authtoken.Revocation, log *slog.Logger, now func() time.Time) (*authtoken.Verifier, error) {
	v, err := authtoken.NewVerifier(authtoken.Config{
		Origin: s.Origin, Profile: profile, Revocation: revocation, Now: now,
		AllowLoopbackHTTP: authtoken.IsLoopbackHTTP(s.Origin), Logger: log,
	})
	if err != nil {
		return nil, s.Err("trust_group", err.Error())
	}
	return v, nil
}

// New makes the endpoints.
func New(s *settings.Settings, v *authtoken.Verifier, db *store.Store, in *sessions.Sessions, after After, written *auditlog.Log, log *slog.Logger, now func() time.Time) (*Endpoints, error) {
	challenges, err := challenge.New(challenge.Options{
		Store: &challengeStore{store: db, now: now}, HTTPS: s.HTTPS(), Now: now,
	})
	if err != nil {
		return nil, err
	}
	cards, err := cardlogin.New(cardlogin.Options{
		Verifier: v, Rules: cps.Rules{KindByPolicy: s.Kinds}, Challenges: watched{challenges, written},
		Sessions: &accounts{sessions: in, after: after, audit: written, log: log}, Hosts: s.Hosts,
		Detail: answers.Detail, Logger: log, Now: now,
	})
	return &Endpoints{settings: s, cards: cards, log: log, now: now}, err
}

// Handler answers all that is asked for under /auth/.
func (e *Endpoints) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/auth/", e.cards)
	mux.HandleFunc("/auth/logout", e.cards.NotFound) // that is one of the pages
	mux.HandleFunc("/auth/selftest", e.selfTest)
	return mux
}
