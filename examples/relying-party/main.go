// Command relying-party is the smallest site with login by card: a page with the
// button, a challenge, a login, and a page that says who has logged in. It shows
// how to use cardlogin from another module; it is not to be deployed.
package main

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/cardlogin"
	"github.com/cpx-bridge/cpx-bridge/cps"
	"github.com/cpx-bridge/cpx-bridge/js"
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

// newHandler is the site: the page's library, its endpoints, and the page.
func newHandler(origin string, cas []*x509.Certificate, now func() time.Time) (http.Handler, error) {
	verifier, err := newVerifier(origin, cas, now)
	if err != nil {
		return nil, err
	}
	// The challenges are in the browsers, the sessions in memory: they end with the process.
	// Where several serve the site, both go into the database that these share.
	cards, err := cardlogin.New(cardlogin.Options{Verifier: verifier, Rules: cps.DemoRules(), Now: now})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /static/cpx-bridge/", js.Handler("/static/cpx-bridge/"))
	mux.Handle("/auth/", cards)
	mux.Handle("GET /{$}", cards.Identify(http.HandlerFunc(page)))
	return cards.Protect(mux), nil
}
