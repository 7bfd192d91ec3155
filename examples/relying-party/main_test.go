package main

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/authtoken/challenge"
	"github.com/cpx-bridge/cpx-bridge/cps"
)

const origin = "http://localhost:8080"

// card is a certificate with its key, and the root above it.
type card struct {
	root, cert *x509.Certificate
	key        *rsa.PrivateKey
}

func newCard(t *testing.T) card {
	t.Helper()
	now := time.Now()
	rootKey, key := newKey(t), newKey(t)
	root := create(t, &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "TEST AC RACINE"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil, rootKey, rootKey)
	cert := create(t, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "899700075122"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, root, key, rootKey)
	return card{root, cert, key}
}

func newKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func create(t *testing.T, template, parent *x509.Certificate, key, signer *rsa.PrivateKey) *x509.Certificate {
	t.Helper()
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// token signs a challenge as the agent does, for the site that the browser names.
func (c card) token(t *testing.T, site, nonce string) authtoken.Token {
	t.Helper()
	message, err := authtoken.Message("RS256", site, nonce)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(message)
	signature, err := rsa.SignPKCS1v15(nil, c.key, crypto.SHA256, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	token, err := authtoken.New(c.cert, "RS256", signature, "example/1")
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func ask(t *testing.T, handler http.Handler, r *http.Request, want int) (map[string]any, []*http.Cookie) {
	t.Helper()
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	if w.Code != want {
		t.Fatalf("%s %s: %d %s, want %d", r.Method, r.URL, w.Code, w.Body, want)
	}
	var body map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatal(err)
	}
	return body, w.Result().Cookies()
}

func loginRequest(t *testing.T, cookies []*http.Cookie, token authtoken.Token) *http.Request {
	t.Helper()
	raw, err := json.Marshal(map[string]authtoken.Token{"auth-token": token})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, origin+"/auth/login", bytes.NewReader(raw))
	for _, c := range cookies {
		r.AddCookie(c)
	}
	return r
}

// refused requires that a login is refused with a status, and returns the problem.
func refused(t *testing.T, handler http.Handler, cookies []*http.Cookie, token authtoken.Token, want int) map[string]any {
	t.Helper()
	body, _ := ask(t, handler, loginRequest(t, cookies, token), want)
	return body
}

// loggedIn requires that a login succeeds, and returns where it leads and the
// session's cookies.
func loggedIn(t *testing.T, handler http.Handler, cookies []*http.Cookie, token authtoken.Token) (next string, in []*http.Cookie) {
	t.Helper()
	body, in := ask(t, handler, loginRequest(t, cookies, token), http.StatusOK)
	return fmt.Sprint(body["next"]), in
}

func page(handler http.Handler, cookies []*http.Cookie) string {
	r := httptest.NewRequest(http.MethodGet, origin+"/", nil)
	for _, c := range cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w.Body.String()
}

func TestLogin(t *testing.T) {
	c := newCard(t)
	now := time.Now()
	handler, err := newHandler(origin, []*x509.Certificate{c.root}, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	fetch := func() (string, []*http.Cookie) {
		body, cookies := ask(t, handler, httptest.NewRequest(http.MethodGet, origin+"/auth/challenge", nil), http.StatusOK)
		return fmt.Sprint(body["nonce"]), cookies
	}
	wantReason := func(body map[string]any, want string) {
		t.Helper()
		if body["reason"] != want {
			t.Errorf("reason %q, want %q", body["reason"], want)
		}
	}

	nonce, cookies := fetch()
	good := c.token(t, origin, nonce)
	next, in := loggedIn(t, handler, cookies, good)
	if page := page(handler, in); next != "/" || !strings.Contains(page, "899700075122") || strings.Contains(page, "<cpx-login") {
		t.Errorf("next %q, then %s", next, page)
	}
	if page := page(handler, cookies); strings.Contains(page, "899700075122") || !strings.Contains(page, "<cpx-login") {
		t.Errorf("the challenge's cookie opens %s", page)
	}
	wantReason(refused(t, handler, cookies, good, http.StatusForbidden), "challenge_expired")
	wantReason(refused(t, handler, nil, good, http.StatusForbidden), "no_session")

	nonce, cookies = fetch()
	wantReason(refused(t, handler, cookies, c.token(t, "https://evil.example", nonce), http.StatusForbidden), "bad_signature")

	nonce, cookies = fetch()
	wantReason(refused(t, handler, cookies, newCard(t).token(t, origin, nonce), http.StatusForbidden), "untrusted_ca")

	nonce, cookies = fetch()
	now = now.Add(challenge.Lifetime)
	wantReason(refused(t, handler, cookies, c.token(t, origin, nonce), http.StatusForbidden), "challenge_expired")
}

// TestTabs: two tabs are good, and a token in another browser is not.
func TestTabs(t *testing.T) {
	c := newCard(t)
	handler, err := newHandler(origin, []*x509.Certificate{c.root}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	fetch := func(cookies []*http.Cookie) (string, []*http.Cookie) {
		r := httptest.NewRequest(http.MethodGet, origin+"/auth/challenge", nil)
		for _, c := range cookies {
			r.AddCookie(c)
		}
		body, more := ask(t, handler, r, http.StatusOK)
		return fmt.Sprint(body["nonce"]), append(cookies, more...)
	}
	first, cookies := fetch(nil)
	second, cookies := fetch(cookies)
	_, others := fetch(nil)
	if body := refused(t, handler, others, c.token(t, origin, first), http.StatusForbidden); body["reason"] != "bad_signature" {
		t.Error(body)
	}
	for _, nonce := range []string{second, first} {
		loggedIn(t, handler, cookies, c.token(t, origin, nonce))
	}
}

// TestOwnPages: another name for the machine, and another site's page, get nothing.
func TestOwnPages(t *testing.T) {
	handler, err := newHandler(origin, []*x509.Certificate{newCard(t).root}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	ask(t, handler, httptest.NewRequest(http.MethodGet, "http://evil.example/auth/challenge", nil), http.StatusMisdirectedRequest)
	for from, want := range map[string]int{"same-origin": 200, "same-site": 403, "cross-site": 403, "none": 403} {
		r := httptest.NewRequest(http.MethodGet, origin+"/auth/challenge", nil)
		r.Header.Set("Sec-Fetch-Site", from)
		ask(t, handler, r, want)
	}
}

// TestServe: an error names what is missing.
func TestServe(t *testing.T) {
	c := newCard(t)
	for want, err := range map[string]error{
		"-ca FILE":  serve(origin, "", "", "", nil),
		"-listen":   serve("https://site.example", "", "", "", []*x509.Certificate{c.root}),
		"authtoken": serve("ftp://site.example:1", "", "", "", []*x509.Certificate{c.root}),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestReadPEM(t *testing.T) {
	c := newCard(t)
	path := filepath.Join(t.TempDir(), "root.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.root.Raw})
	if err := os.WriteFile(path, block, 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := readPEM(path)
	if err != nil || len(got) != 1 || !got[0].Equal(c.root) {
		t.Errorf("certificates %v, error %v", got, err)
	}
	if err := os.WriteFile(path, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readPEM(path); err == nil {
		t.Error("a file without certificate is accepted")
	}
}

// TestPlantedSession: on https another host of the same domain cannot plant a session,
// and what a certificate names is shown as it is.
func TestPlantedSession(t *testing.T) {
	s := &site{cookie: cookieName(true), people: newPeople(time.Now)}
	w := httptest.NewRecorder()
	s.setCookie(w, s.people.begin(cps.Person{Surname: "TEST", Identifier: "8\u202e1"}))
	own := w.Result().Cookies()[0]
	if own.Name != "__Host-session" || !own.Secure || own.Path != "/" || own.Domain != "" {
		t.Errorf("%v", own)
	}
	r := httptest.NewRequest(http.MethodGet, "https://portail.example/", nil)
	r.AddCookie(&http.Cookie{Name: "session", Value: s.people.begin(cps.Person{Surname: "PLANTED"})})
	r.AddCookie(own)
	w = httptest.NewRecorder()
	s.page(w, r)
	if page := w.Body.String(); strings.Contains(page, "PLANTED") || !strings.Contains(page, "TEST") || strings.Contains(page, "\u202e") {
		t.Errorf("%s", page)
	}
}
