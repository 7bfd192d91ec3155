// Package portal is the reference relying party: a site where a professional
// attaches a CPx card to an account once and from then on logs in with one
// click.
//
// A [Portal] answers requests concurrently. It never stores a password or a
// session identifier in clear, never reveals whether an account exists, and never
// accepts a nonce twice.
package portal

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/authtoken/revocation"
	"github.com/cpx-bridge/cpx-bridge/portal/administration"
	"github.com/cpx-bridge/cpx-bridge/portal/answers"
	"github.com/cpx-bridge/cpx-bridge/portal/auditlog"
	"github.com/cpx-bridge/cpx-bridge/portal/auth"
	"github.com/cpx-bridge/cpx-bridge/portal/metrics"
	"github.com/cpx-bridge/cpx-bridge/portal/pages"
	"github.com/cpx-bridge/cpx-bridge/portal/passwords"
	"github.com/cpx-bridge/cpx-bridge/portal/sessions"
	"github.com/cpx-bridge/cpx-bridge/portal/settings"
	"github.com/cpx-bridge/cpx-bridge/portal/store"
)

// Portal is the site. Its methods may be called concurrently.
type Portal struct {
	settings *settings.Settings
	store    *store.Store
	sessions *sessions.Sessions
	hashing  *passwords.Hashing
	auth     *auth.Endpoints
	pages    *pages.Pages
	audit    *auditlog.Log
	metrics  *metrics.Metrics
	checker  *revocation.Checker // nil: revocation is off
	pair     tls.Certificate     // the site's own; empty: plain http
	log      *slog.Logger
	now      func() time.Time

	lines io.Closer // of the audit log
	// ready are the checks of readiness besides the database's.
	ready map[string]func(ctx context.Context) error

	end   context.CancelFunc // of the janitor
	ended chan struct{}
}

// Options are what New can do without: by default no log, and the system's clock.
type Options struct {
	Logger *slog.Logger
	Now    func() time.Time
}

// New opens the database, which Close closes, and deletes from it what has expired as
// long as it is open. The end of ctx ends the wait for a database in use. Errors about the settings are of type *settings.Error.
func New(ctx context.Context, s *settings.Settings, o Options) (*Portal, error) {
	p := &Portal{settings: s, log: o.Logger, now: o.Now, hashing: passwords.NewHashing(), ended: make(chan struct{})}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	if p.now == nil {
		p.now = time.Now
	}
	profile, err := s.Profile()
	if err != nil {
		return nil, err
	}
	if s.TLSCert != "" {
		if p.pair, err = s.KeyPair(); err != nil {
			return nil, err
		}
	}
	if p.store, err = store.Open(ctx, s.Database); err != nil {
		return nil, err
	}
	if err := p.observe(); err != nil {
		return nil, errors.Join(err, p.store.Close())
	}
	p.sessions = sessions.New(sessions.Options{
		Address: p.audit.Address,
		Store:   p.store, Now: p.now, HTTPS: s.HTTPS(),
		Idle: time.Duration(s.Session.Idle), Total: time.Duration(s.Session.Total), Failed: p.failed,
	})
	check, err := p.revocation(ctx, profile)
	if err != nil {
		return nil, errors.Join(err, p.closed())
	}
	verifier, err := auth.NewVerifier(s, profile, check, p.log, p.now)
	if err != nil {
		return nil, errors.Join(err, p.closed())
	}
	p.pages, err = pages.New(pages.Parts{
		Settings: s, Store: p.store, Sessions: p.sessions, Log: p.log,
		Throttle: &passwords.Throttle{Store: p.store, Now: p.now}, Hashing: p.hashing, Audit: p.audit,
	})
	if err == nil {
		p.auth, err = auth.New(s, verifier, p.store, p.sessions, auth.After{Space: pages.PathSpace, First: pages.PathFirst}, p.audit, p.log, p.now)
	}
	if err != nil {
		return nil, errors.Join(err, p.closed())
	}
	open, end := context.WithCancel(context.Background())
	p.end = end
	go func() {
		defer close(p.ended)
		p.janitor(open)
	}()
	return p, nil
}

// Close closes the database, once Serve has returned.
func (p *Portal) Close() error {
	p.end()
	<-p.ended
	return p.closed()
}

// closed closes what New opened, in the other order.
func (p *Portal) closed() (err error) {
	if p.checker != nil {
		err = p.checker.Close()
	}
	return errors.Join(err, p.lines.Close(), p.store.Close())
}

// Administration is what an operator does with the site's accounts.
func (p *Portal) Administration() *administration.Administration {
	return &administration.Administration{Store: p.store, Texts: p.settings.OperatorTexts(), Now: p.now}
}

// Handler serves the whole site.
func (p *Portal) Handler() http.Handler {
	pages, mux := http.NewServeMux(), http.NewServeMux()
	p.pages.Handle(pages)
	mux.Handle("/auth/", p.auth.Handler())
	mux.Handle("/", pages)

	crossOrigin := http.NewCrossOriginProtection()
	if err := crossOrigin.AddTrustedOrigin(p.settings.Origin); err != nil {
		panic(err) // checked with the settings
	}
	crossOrigin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/auth/") {
			answers.Problem(w, r, p.log, http.StatusForbidden, "cross_origin", errors.New("a form of another site"))
			return
		}
		p.log.Warn("request refused", "reason", "cross_origin", "path", answers.Short(r.URL.Path))
		p.pages.Foreign(w, r)
	}))
	return p.metrics.Middleware(p.metrics.Health(p.secured(p.ownHost(p.ownPages(crossOrigin.Handler(p.withSession(mux)))))))
}

// withSession reads the session for what is for somebody: no file and no challenge is.
func (p *Portal) withSession(next http.Handler) http.Handler {
	read := p.sessions.Middleware(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/static/") || r.URL.Path == "/auth/challenge" {
			next.ServeHTTP(w, r)
			return
		}
		read.ServeHTTP(w, r)
	})
}

// failed answers where the session cannot be read.
func (p *Portal) failed(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return // the browser is gone
	}
	if strings.HasPrefix(r.URL.Path, "/auth/") {
		answers.Problem(w, r, p.log, http.StatusInternalServerError, "internal", err)
		return
	}
	p.pages.Failed(w, r, err)
}

// csp lets a page load only its own files, and connect to the agent (in Safari by
// wss). permissions lets the page ask the person for that, and no frame of
// another site.
const csp = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' ws://127.0.0.1:* wss://localhost:*; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'"

const permissions = "loopback-network=(self), camera=(), microphone=(), geolocation=()"

func (p *Portal) secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", csp)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Permissions-Policy", permissions)
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		r.Body = http.MaxBytesReader(w, r.Body, 128<<10)
		next.ServeHTTP(w, r)
	})
}
