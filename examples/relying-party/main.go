// Command relying-party is the smallest site with login by card: a page with the
// button, a challenge, a login, and a page that says who has logged in. It shows
// how to use authtoken from another module; it is not to be deployed.
package main

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/authtoken/challenge"
	"github.com/cpx-bridge/cpx-bridge/cps"
)

func main() {
	log.SetFlags(0)
	origin := flag.String("origin", "http://localhost:8080", "the site's origin, as browsers show it")
	listen := flag.String("listen", "", "address to serve; the origin's port on this machine where not given")
	cert := flag.String("cert", "", "PEM file of the site's certificate, for an https origin")
	key := flag.String("key", "", "PEM file of its key")
	var authorities []*x509.Certificate
	flag.Func("ca", "PEM `file` of the cards' authorities, the root's first; again for each", func(path string) error {
		more, err := readPEM(path)
		authorities = append(authorities, more...)
		return err
	})
	flag.Parse()
	if err := serve(*origin, *listen, *cert, *key, authorities); err != nil {
		log.Fatal("relying-party: ", err)
	}
}

func serve(origin, listen, cert, key string, authorities []*x509.Certificate) error {
	if len(authorities) == 0 {
		return errors.New("whose cards are let in? Name their authorities with -ca FILE, the root's first")
	}
	handler, err := newHandler(origin, authorities, time.Now)
	if err != nil {
		return err
	}
	if listen == "" {
		u, err := url.Parse(origin)
		if err != nil || u.Port() == "" {
			return fmt.Errorf("the origin %s names no port: say with -listen where to serve it", origin)
		}
		listen = "127.0.0.1:" + u.Port()
	}
	server := &http.Server{Addr: listen, Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	log.Printf("Open %s in a browser on this machine. Ctrl-C ends it.", origin)
	if cert != "" {
		return server.ListenAndServeTLS(cert, key)
	}
	return server.ListenAndServe()
}

func readPEM(path string) ([]*x509.Certificate, error) {
	rest, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var certificates []*x509.Certificate
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		certificates = append(certificates, cert)
	}
	if len(certificates) == 0 {
		return nil, fmt.Errorf("no certificate in %s", path)
	}
	return certificates, nil
}

// newVerifier accepts the test cards of one root. A site for real cards names a
// group that is not Test, and must have a Revocation that checks.
func newVerifier(origin string, cas []*x509.Certificate, now func() time.Time) (*authtoken.Verifier, error) {
	return authtoken.NewVerifier(authtoken.Config{
		Origin: origin, AllowLoopbackHTTP: true, Now: now,
		Revocation: authtoken.RevocationOff,
		Profile: authtoken.Profile{AllowTestCards: true, TrustGroups: []authtoken.TrustGroup{{
			Name: "test", Test: true, Roots: cas[:1], Intermediates: cas[1:], RequireEKU: true,
		}}},
	})
}

func newHandler(origin string, cas []*x509.Certificate, now func() time.Time) (http.Handler, error) {
	verifier, err := newVerifier(origin, cas, now)
	if err != nil {
		return nil, err
	}
	at, err := url.Parse(origin)
	if err != nil {
		return nil, err
	}
	// What this store remembers ends with the process. Where several serve the site, they
	// share one of their own, in their database.
	challenges, err := challenge.New(challenge.Options{Store: challenge.NewMemory(now), HTTPS: at.Scheme == "https", Now: now})
	if err != nil {
		return nil, err
	}
	s := &site{host: at.Host, cookie: cookieName(at.Scheme == "https"), verifier: verifier, challenges: challenges, people: newPeople(now)}
	mux := http.NewServeMux()
	mux.Handle("GET /static/cpx-bridge/", library())
	mux.HandleFunc("GET /{$}", s.page)
	mux.HandleFunc("POST /logout", s.logout)
	mux.HandleFunc("GET /auth/challenge", s.challenge)
	mux.HandleFunc("POST /auth/login", s.login)
	return s.own(http.NewCrossOriginProtection().Handler(mux)), nil
}

type site struct {
	host       string
	cookie     string // the session's name
	verifier   *authtoken.Verifier
	challenges *challenge.Challenges
	people     *people
}

// own lets in what asks for this site by its own name, and to the page's endpoints the
// site's own pages alone.
func (s *site) own(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Host != s.host:
			refuse(w, http.StatusMisdirectedRequest, "unknown_host")
		case strings.HasPrefix(r.URL.Path, "/auth/") && !challenge.FromOwnPage(r):
			refuse(w, http.StatusForbidden, "cross_origin")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func (s *site) challenge(w http.ResponseWriter, r *http.Request) {
	nonce, err := s.challenges.Issue(w, r)
	if err != nil {
		log.Print(err)
		refuse(w, http.StatusInternalServerError, "internal")
		return
	}
	answer(w, http.StatusOK, map[string]string{"nonce": nonce})
}

func (s *site) login(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Token json.RawMessage `json:"auth-token"`
	}
	limited := http.MaxBytesReader(w, r.Body, 2*authtoken.MaxTokenSize)
	if err := json.NewDecoder(limited).Decode(&body); err != nil {
		refuse(w, http.StatusBadRequest, string(authtoken.ReasonMalformedToken))
		return
	}
	result, err := s.challenges.Verify(w, r, s.verifier, body.Token)
	if refusal := (*authtoken.Error)(nil); errors.As(err, &refusal) {
		log.Print(refusal)
		refuse(w, http.StatusForbidden, string(refusal.Reason))
		return
	} else if err != nil {
		log.Print(err)
		refuse(w, http.StatusInternalServerError, "internal")
		return
	}
	// A new session: whoever planted one before knows its identifier.
	s.setCookie(w, s.people.begin(cps.Parse(result.Certificate, cps.DemoRules())))
	answer(w, http.StatusOK, map[string]string{"next": "/"})
}

// cookieName has the prefix that keeps other hosts of the same domain from planting a
// session (RFC 6265bis, 4.1.3.2), where the browser takes it: on https.
func cookieName(https bool) string {
	if https {
		return "__Host-session"
	}
	return "session"
}

// setCookie sets Secure for localhost too, which browsers consider secure.
func (s *site) setCookie(w http.ResponseWriter, session string) {
	http.SetCookie(w, &http.Cookie{
		Name: s.cookie, Value: session, Path: "/", HttpOnly: true, Secure: true, SameSite: http.SameSiteStrictMode,
	})
}

func answer(w http.ResponseWriter, status int, body any) {
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json")
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		log.Print(err)
	}
}

// refuse answers with a problem document (RFC 9457). The page's library has a text
// for the reason.
func refuse(w http.ResponseWriter, status int, reason string) {
	w.Header().Set("Content-Type", "application/problem+json")
	answer(w, status, map[string]any{"title": http.StatusText(status), "status": status, "reason": reason})
}
