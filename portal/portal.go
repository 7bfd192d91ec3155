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
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/authtoken/challenge"
	"github.com/cpx-bridge/cpx-bridge/js"
)

// Portal is the site. Its methods may be called concurrently.
type Portal struct {
	settings   *Settings
	store      *store
	verifier   *authtoken.Verifier
	challenges *challenge.Challenges
	throttle   *throttle
	hashing    *hashing
	pages      *pages
	log        *slog.Logger
	now        func() time.Time

	end   context.CancelFunc // of the janitor
	ended chan struct{}
}

// Options are what New can do without: by default no log, and the system's clock.
type Options struct {
	Logger *slog.Logger
	Now    func() time.Time
}

// New opens the database, which Close closes, and deletes from it what has expired as
// long as it is open. The end of ctx ends the wait for a database in use. Errors about the settings are of type *SettingsError.
func New(ctx context.Context, s *Settings, o Options) (*Portal, error) {
	p := &Portal{settings: s, log: o.Logger, now: o.Now, hashing: newHashing(), ended: make(chan struct{})}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	if p.now == nil {
		p.now = time.Now
	}
	profile, err := s.profile()
	if err != nil {
		return nil, err
	}
	p.verifier, err = authtoken.NewVerifier(authtoken.Config{
		Origin: s.Origin, Profile: profile, Revocation: authtoken.RevocationOff, Now: p.now,
		AllowLoopbackHTTP: authtoken.IsLoopbackHTTP(s.Origin), Logger: p.log,
	})
	if err != nil {
		return nil, s.err("trust_group", err.Error())
	}
	if p.pages, err = loadPages(); err != nil {
		return nil, err
	}
	if p.store, err = openStore(ctx, s.Database); err != nil {
		return nil, err
	}
	p.throttle = &throttle{store: p.store, now: p.now}
	p.challenges, err = challenge.New(challenge.Options{
		Store: &challengeStore{store: p.store, now: p.now}, HTTPS: s.https(), Now: p.now,
	})
	if err != nil {
		return nil, errors.Join(err, p.store.close())
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
	return p.store.close()
}

// NewAccount is an account to add, with its password in clear. Region is the ID
// of one in the texts, or "".
type NewAccount struct{ Name, Display, Service, Region, Password string }

// AddAccount adds an account. It fails with ErrAccountExists, ErrPasswordLength,
// or an error that says which other field is invalid.
func (p *Portal) AddAccount(ctx context.Context, n NewAccount) error {
	n.Name, n.Service = strings.TrimSpace(n.Name), strings.TrimSpace(n.Service)
	for what, value := range map[string]string{"user name": n.Name, "display name": n.Display, "service": n.Service} {
		if value == "" || len(value) > 200 {
			return fmt.Errorf("the %s must have 1 to 200 characters", what)
		}
	}
	if _, known := p.settings.texts.region(n.Region); n.Region != "" && !known {
		return fmt.Errorf("no region %q in the texts", n.Region)
	}
	hash, err := hashPassword(n.Password)
	if err != nil {
		return err
	}
	return p.store.addAccount(ctx, account{Name: n.Name, Display: n.Display, Service: n.Service, Region: n.Region, password: hash}, p.now())
}

// Handler serves the whole site.
func (p *Portal) Handler() http.Handler {
	mux := http.NewServeMux()
	library, err := fs.Sub(js.Files, "dist")
	if err != nil { // the folder is built in
		panic(err)
	}
	mux.Handle("GET /static/js/", http.StripPrefix("/static/js/", http.FileServerFS(library)))
	mux.Handle("GET /static/", http.StripPrefix("/static/", http.FileServerFS(p.pages.static)))
	mux.HandleFunc("GET /auth/challenge", p.challenge)
	mux.HandleFunc("POST /auth/login", p.login)
	mux.HandleFunc("GET /{$}", p.page(p.home))
	mux.HandleFunc("GET "+pathFirst, p.page(p.first))
	mux.HandleFunc("POST "+pathFirst, p.page(p.checkPassword))
	mux.HandleFunc("GET "+pathFirst+"/confirmation", p.page(p.confirmation))
	mux.HandleFunc("POST "+pathFirst+"/confirmation", p.page(p.attach))
	mux.HandleFunc("POST "+pathFirst+"/pas-ma-carte", p.page(p.notMine))
	mux.HandleFunc("GET "+pathSpace, p.page(p.space))
	mux.HandleFunc("GET /cartes/{id}/detacher", p.page(p.askDetach))
	mux.HandleFunc("POST /cartes/{id}/detacher", p.page(p.detach))
	mux.HandleFunc("POST "+pathLogout, p.page(p.logout))
	mux.HandleFunc("POST /langue", p.setLang)
	mux.HandleFunc("GET /assistance", p.page(p.support))
	mux.HandleFunc("GET /aide", p.page(p.help))
	mux.HandleFunc("GET /", p.page(p.missing))

	crossOrigin := http.NewCrossOriginProtection()
	if err := crossOrigin.AddTrustedOrigin(p.settings.Origin); err != nil {
		panic(err) // checked with the settings
	}
	crossOrigin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.problem(w, r, http.StatusForbidden, "cross_origin", errors.New("a form of another site"))
	}))
	return p.secured(p.ownHost(p.ownPages(crossOrigin.Handler(mux))))
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

// Serve answers requests until ctx ends, and then gives open ones five seconds.
func (p *Portal) Serve(ctx context.Context) error {
	protection := &tls.Config{MinVersion: tls.VersionTLS12}
	if p.settings.TLSCert != "" {
		own, err := p.settings.keyPair()
		if err != nil {
			return err
		}
		protection.Certificates = []tls.Certificate{own}
	}
	l, err := net.Listen("tcp", p.settings.Listen)
	if err != nil {
		return p.settings.err("listen", err.Error())
	}
	web := &http.Server{
		Handler: p.Handler(), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10,
		TLSConfig: protection,
		ErrorLog:  slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
	}
	p.log.Info("serving", "origin", p.settings.Origin, "listen", l.Addr().String())
	ended := make(chan error, 1)
	go func() {
		if p.settings.TLSCert != "" {
			ended <- web.ServeTLS(l, "", "")
			return
		}
		ended <- web.Serve(l)
	}()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return web.Shutdown(stop)
}
