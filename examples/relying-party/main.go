// Command relying-party is the least site that lets people in by card: a
// challenge, a login, and nothing of an application. It shows how authtoken is
// used from another module; it is not to be deployed.
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
	"os"
	"time"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
)

func main() {
	address := flag.String("listen", "127.0.0.1:8080", "address to serve")
	origin := flag.String("origin", "http://localhost:8080", "the site's origin, as browsers show it")
	cas := flag.String("ca", "", "PEM file of test authorities: a root first, then its intermediates")
	flag.Parse()
	certificates, err := readPEM(*cas)
	if err != nil {
		log.Fatal(err)
	}
	handler, err := newHandler(*origin, certificates, time.Now)
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Addr: *address, Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

func readPEM(path string) ([]*x509.Certificate, error) {
	rest, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("authorities: %w", err)
	}
	var certificates []*x509.Certificate
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("authorities in %s: %w", path, err)
		}
		certificates = append(certificates, cert)
	}
	if len(certificates) == 0 {
		return nil, fmt.Errorf("no certificate in %s", path)
	}
	return certificates, nil
}

// newHandler accepts the test cards of one root. A site for real cards names a
// group that is not Test, and must give a Revocation that checks.
func newHandler(origin string, cas []*x509.Certificate, now func() time.Time) (http.Handler, error) {
	verifier, err := authtoken.NewVerifier(authtoken.Config{
		Origin: origin, AllowLoopbackHTTP: true, Now: now,
		Revocation: authtoken.RevocationOff,
		Profile: authtoken.Profile{AllowTestCards: true, TrustGroups: []authtoken.TrustGroup{{
			Name: "test", Test: true, Roots: cas[:1], Intermediates: cas[1:], RequireEKU: true,
		}}},
	})
	if err != nil {
		return nil, err
	}
	s := &site{verifier: verifier, nonces: newNonces(now)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /auth/challenge", s.challenge)
	mux.HandleFunc("POST /auth/login", s.login)
	return http.NewCrossOriginProtection().Handler(mux), nil
}

type site struct {
	verifier *authtoken.Verifier
	nonces   *nonces
}

func (s *site) challenge(w http.ResponseWriter, _ *http.Request) {
	session, nonce := s.nonces.create()
	// Secure goes for localhost too: browsers count it as a safe place.
	http.SetCookie(w, &http.Cookie{
		Name: cookie, Value: session, Path: "/", HttpOnly: true, Secure: true, SameSite: http.SameSiteStrictMode,
	})
	answer(w, http.StatusOK, map[string]string{"nonce": nonce})
}

func (s *site) login(w http.ResponseWriter, r *http.Request) {
	session, err := r.Cookie(cookie)
	if err != nil {
		// The browser keeps no cookie of ours here: one more click ends the same.
		answer(w, http.StatusForbidden, map[string]string{"reason": "no_session"})
		return
	}
	// Taken before anything is verified: a nonce serves one attempt. A session that
	// is gone has none: to the person both are a login that took too long.
	nonce := s.nonces.take(session.Value)
	if nonce == "" {
		answer(w, http.StatusForbidden, map[string]string{"reason": "challenge_expired"})
		return
	}
	var body struct {
		Token json.RawMessage `json:"auth-token"`
	}
	limited := http.MaxBytesReader(w, r.Body, 2*authtoken.MaxTokenSize)
	if err := json.NewDecoder(limited).Decode(&body); err != nil {
		answer(w, http.StatusBadRequest, map[string]string{"reason": string(authtoken.ReasonMalformedToken)})
		return
	}
	result, err := s.verifier.Verify(r.Context(), body.Token, nonce)
	if refusal := (*authtoken.Error)(nil); errors.As(err, &refusal) {
		log.Print(refusal)
		answer(w, http.StatusForbidden, map[string]string{"reason": string(refusal.Reason)})
		return
	} else if err != nil {
		answer(w, http.StatusInternalServerError, map[string]string{"reason": "internal"})
		return
	}
	// Here an application would open a session of its own for this person.
	answer(w, http.StatusOK, map[string]string{"identifier": result.Certificate.Subject.CommonName})
}

func answer(w http.ResponseWriter, status int, body map[string]string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		log.Print(err)
	}
}
