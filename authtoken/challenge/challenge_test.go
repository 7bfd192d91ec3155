package challenge

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
)

const origin = "https://portail.example.fr"

// card signs as the agent does.
type card struct {
	cert *x509.Certificate
	key  *rsa.PrivateKey
}

var cards = sync.OnceValue(func() (c struct {
	card
	pki *demopki.PKI
}) {
	now := time.Now()
	var err error
	if c.pki, err = demopki.New(now); err != nil {
		panic(err)
	}
	if c.key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		panic(err)
	}
	c.cert, err = c.pki.Intermediate.Issue(demopki.Leaf{
		Holder: demopki.NewHolder("CPS", 1), NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0), PublicKey: c.key.Public(),
	})
	if err != nil {
		panic(err)
	}
	return c
})

func (c card) token(t *testing.T, nonce string) string {
	t.Helper()
	message, err := authtoken.Message("RS256", origin, nonce)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(message)
	signature, err := rsa.SignPKCS1v15(rand.Reader, c.key, crypto.SHA256, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	token, err := authtoken.New(c.cert, "RS256", signature, "test")
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(token)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// server is a site of one instance, on TLS, with a clock of its own.
type server struct {
	*httptest.Server
	mu    sync.Mutex
	clock time.Time
}

func (s *server) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clock
}

func (s *server) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock = s.clock.Add(d)
}

func serve(t *testing.T, store Store, framed bool) *server {
	t.Helper()
	s := &server{clock: time.Now()}
	if store == nil {
		store = NewMemory(s.now)
	}
	c, err := New(Options{Store: store, HTTPS: true, Framed: framed, Now: s.now})
	if err != nil {
		t.Fatal(err)
	}
	pki := cards().pki
	v, err := authtoken.NewVerifier(authtoken.Config{Origin: origin, Revocation: authtoken.RevocationOff, Profile: authtoken.Profile{
		AllowTestCards: true, TrustGroups: []authtoken.TrustGroup{{Name: "test", Test: true, Roots: []*x509.Certificate{pki.Root.Cert}, Intermediates: []*x509.Certificate{pki.Intermediate.Cert}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			nonce, err := c.Issue(w, r)
			if err != nil {
				t.Error(err)
			}
			_, _ = io.WriteString(w, nonce)
			return
		}
		token, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		_, err = c.Verify(w, r, v, token)
		if refused := (*authtoken.Error)(nil); errors.As(err, &refused) {
			_, _ = io.WriteString(w, string(refused.Reason))
		} else if err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// browser has the cookies of one browser.
type browser struct {
	t      *testing.T
	s      *server
	client *http.Client
}

func (s *server) browser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := *s.Client()
	client.Jar = jar
	return &browser{t, s, &client}
}

func (b *browser) do(method, body string) (answer string, set []*http.Cookie) {
	b.t.Helper()
	request, err := http.NewRequestWithContext(b.t.Context(), method, b.s.URL, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	response, err := b.client.Do(request)
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text), response.Cookies()
}

func (b *browser) challenge() (nonce string) { b.t.Helper(); nonce, _ = b.do("GET", ""); return nonce }

func (b *browser) login(nonce string) (reason string) {
	b.t.Helper()
	reason, _ = b.do("POST", cards().token(b.t, nonce))
	return reason
}

func (b *browser) cookies() []*http.Cookie {
	b.t.Helper()
	u, err := url.Parse(b.s.URL)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.client.Jar.Cookies(u)
}

// has replaces all cookies of the browser.
func (b *browser) has(cookies ...*http.Cookie) {
	b.t.Helper()
	u, err := url.Parse(b.s.URL)
	if err != nil {
		b.t.Fatal(err)
	}
	if b.client.Jar, err = cookiejar.New(nil); err != nil {
		b.t.Fatal(err)
	}
	for _, c := range cookies {
		c.Path, c.Secure = "/", true
	}
	b.client.Jar.SetCookies(u, cookies)
}

func want(t *testing.T, what, got, reason string) {
	t.Helper()
	if got != reason {
		t.Errorf("%s: %q, want %q", what, got, reason)
	}
}

func TestChallenge(t *testing.T) {
	s := serve(t, nil, false)
	b := s.browser(t)
	nonce := b.challenge()
	if err := authtoken.CheckNonce(nonce); err != nil {
		t.Fatal(err)
	}
	before := b.cookies()
	want(t, "the first login", b.login(nonce), "")
	want(t, "a browser without cookies", s.browser(t).login(nonce), "no_session")
	b.has(before...)
	want(t, "the same token again, with its cookie", b.login(nonce), "challenge_expired")

	other := s.browser(t)
	theirs := b.challenge()
	other.challenge()
	want(t, "a nonce of another browser", other.login(theirs), "bad_signature")
	want(t, "that nonce in its own", b.login(theirs), "")

	overdue := b.challenge()
	s.pass(Lifetime - time.Second)
	want(t, "in the last second", b.login(overdue), "")
	overdue = b.challenge()
	s.pass(Lifetime)
	want(t, "too overdue", b.login(overdue), "challenge_expired")

	ahead := b.challenge()
	s.pass(-2 * time.Hour)
	want(t, "from the future", b.login(ahead), "challenge_expired")
	s.pass(2*time.Hour - skew)
	want(t, "of an instance whose clock is ahead", b.login(ahead), "")
}

// A cookie that the site did not make as it is, is none.
func TestBentCookies(t *testing.T) {
	s, elsewhere := serve(t, nil, false), serve(t, nil, false)
	b := s.browser(t)
	nonce := b.challenge()
	good := b.cookies()[0]
	raw, err := base64.RawURLEncoding.DecodeString(good.Value)
	if err != nil {
		t.Fatal(err)
	}
	for at := range raw {
		bent := append([]byte(nil), raw...)
		bent[at] ^= 1
		b.has(&http.Cookie{Name: good.Name, Value: base64.RawURLEncoding.EncodeToString(bent)})
		if reason := b.login(nonce); reason != "challenge_expired" {
			t.Fatalf("byte %d bent: %q", at, reason)
		}
	}
	for name, value := range map[string]string{
		"cut": good.Value[:len(good.Value)-4], "cut by one": good.Value[:len(good.Value)-1], "longer": good.Value + "AAAA", "empty": "", "text": "x", "padded": good.Value + "=",
	} {
		b.has(&http.Cookie{Name: good.Name, Value: value})
		want(t, name, b.login(nonce), "challenge_expired")
	}
	foreign := elsewhere.browser(t)
	theirs := foreign.challenge()
	b.has(foreign.cookies()...)
	want(t, "of another site's key", b.login(theirs), "challenge_expired")
	b.has(&http.Cookie{Name: strings.TrimPrefix(good.Name, "__Host-"), Value: good.Value})
	want(t, "under a name that a subdomain can plant", b.login(nonce), "no_session")
	b.has(good)
	want(t, "as it was", b.login(nonce), "")
}

// Eight tabs are good, in whichever order, and the next takes the oldest one's place.
func TestTabs(t *testing.T) {
	s := serve(t, nil, false)
	b := s.browser(t)
	nonces := make([]string, Open+1)
	for i := range nonces {
		nonces[i] = b.challenge()
		s.pass(time.Second)
	}
	if n := len(b.cookies()); n != Open+1 { // one says that another was taken back
		t.Errorf("%d cookies", n)
	}
	want(t, "the oldest", b.login(nonces[0]), "challenge_expired")
	for _, i := range []int{1, 8, 4, 2, 7, 3, 6, 5} {
		want(t, "a tab", b.login(nonces[i]), "")
	}
	if n := len(b.cookies()); n != 1 {
		t.Errorf("%d cookies remain", n)
	}
	// What no longer counts is taken back, however much a browser has of it.
	var junk []*http.Cookie
	for i := range 40 {
		junk = append(junk, &http.Cookie{Name: "__Host-cpx-challenge-" + string(rune('A'+i%26)) + string(rune('a'+i/26)), Value: "x"})
	}
	b.has(junk...)
	nonce := b.challenge()
	if n := len(b.cookies()); n != 40-maxDropped+2 {
		t.Errorf("%d cookies", n)
	}
	want(t, "among junk", b.login(nonce), "")
}

// A tab that stood open longer than others asks to begin anew, whatever ended its
// challenge; nobody learns so of another browser's.
func TestTabsThatStoodOpen(t *testing.T) {
	s := serve(t, nil, false)
	b := s.browser(t)
	var first string
	for i := range 20 {
		if nonce := b.challenge(); i == 0 {
			first = nonce
		}
		s.pass(time.Millisecond)
	}
	want(t, "the first of twenty", b.login(first), "challenge_expired")
	want(t, "after as many others", b.login(b.challenge()), "")
	want(t, "the first of them, later", b.login(first), "challenge_expired")

	b = s.browser(t)
	overdue := b.challenge()
	s.pass(Lifetime + time.Second)
	open := b.challenge()
	want(t, "of a tab from before", b.login(overdue), "challenge_expired")
	want(t, "of the other tab", b.login(open), "")

	b = s.browser(t)
	open = b.challenge()
	b.challenge()
	want(t, "of two", b.login(open), "")
	want(t, "the same once more", b.login(open), "challenge_expired")

	alone := s.browser(t)
	alone.challenge()
	want(t, "where none has ended", alone.login(first), "bad_signature")
	s.pass(cookieLife)
	want(t, "long after", b.login(b.challenge()), "")
}

// Requests for a challenge that meet under way lose none.
func TestTabsAtOnce(t *testing.T) {
	s := serve(t, nil, false)
	b := s.browser(t)
	nonces := make([]string, Open)
	var wg sync.WaitGroup
	for i := range nonces {
		wg.Go(func() { nonces[i] = b.challenge() })
	}
	wg.Wait()
	for _, nonce := range nonces {
		want(t, "a tab", b.login(nonce), "")
	}
}

func TestCookieAttributes(t *testing.T) {
	for framed, attributes := range map[bool]string{
		false: "; Path=/; Max-Age=3600; HttpOnly; Secure; SameSite=Lax",
		true:  "; Path=/; Max-Age=3600; HttpOnly; Secure; SameSite=None; Partitioned",
	} {
		b := serve(t, nil, framed).browser(t)
		nonce, set := b.do("GET", "")
		if len(set) != 1 || !strings.HasPrefix(set[0].Raw, "__Host-cpx-challenge-") || !strings.HasSuffix(set[0].Raw, attributes) {
			t.Errorf("%v", set)
		}
		// A browser finds the cookie to delete by these too.
		_, set = b.do("POST", cards().token(t, nonce))
		if len(set) != 1 || !strings.HasSuffix(set[0].Raw, strings.Replace(attributes, "3600", "0", 1)) {
			t.Errorf("%v", set)
		}
	}
}

func TestRefusedOptions(t *testing.T) {
	for _, o := range []Options{{}, {Store: NewMemory(nil), Framed: true}} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v", o)
		}
	}
}

// Of many logins with one token at the same time one succeeds.
func TestUsedOnce(t *testing.T) {
	s := serve(t, nil, false)
	b := s.browser(t)
	nonce := b.challenge()
	cookies := b.cookies()
	reasons := make(chan string)
	for range 20 {
		repeated := s.browser(t)
		repeated.has(cookies...)
		go func() { reasons <- repeated.login(nonce) }()
	}
	good := 0
	for range 20 {
		if <-reasons == "" {
			good++
		}
	}
	if good != 1 {
		t.Errorf("%d logins", good)
	}
}

// What has expired is forgotten, and only used nonces are remembered.
func TestMemory(t *testing.T) {
	at := time.Now()
	m := NewMemory(func() time.Time { return at })
	for range 3 {
		for range 100 {
			if fresh, err := m.Use(context.Background(), authtoken.NewNonce(), at.Add(Lifetime)); !fresh || err != nil {
				t.Fatal(fresh, err)
			}
		}
		at = at.Add(3 * Lifetime)
	}
	if len(m.used) != 100 {
		t.Errorf("%d nonces are remembered", len(m.used))
	}
}
