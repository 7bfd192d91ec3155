package cardlogin_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/cardlogin"
	"github.com/cpx-bridge/cpx-bridge/cardlogin/cardlogintest"
	"github.com/cpx-bridge/cpx-bridge/cps"
)

const origin = "https://portail.example.fr"

// authority is shared by all tests: making its keys takes longer than they do.
var authority = sync.OnceValue(func() *cardlogintest.Authority {
	a, err := cardlogintest.NewAuthority()
	if err != nil {
		panic(err)
	}
	return a
})

func newCard(t testing.TB, kind string, number int) *cardlogintest.Card {
	t.Helper()
	c, err := authority().Card(kind, number)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// clock is a clock that the test sets.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// site is a portal with a clock and a log that the test reads.
type site struct {
	http.Handler
	cards *cardlogin.Handler
	clock *clock
	mu    sync.Mutex
	log   bytes.Buffer
}

func (s *site) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(p)
}

func (s *site) logged() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

// newSite makes a portal whose page "/espace" says who is there.
func newSite(t testing.TB, change func(*cardlogin.Options)) *site {
	t.Helper()
	s := &site{clock: &clock{at: time.Now()}}
	verifier, err := authority().Verifier(origin)
	if err != nil {
		t.Fatal(err)
	}
	o := cardlogin.Options{
		Verifier: verifier, Rules: authority().Rules(), Next: "/espace", LoginPage: "/connexion", LoggedOut: "/parti",
		Logger: slog.New(slog.NewTextHandler(s, nil)), Now: s.clock.now,
	}
	if change != nil {
		change(&o)
	}
	if s.cards, err = cardlogin.New(o); err != nil {
		t.Fatal(err)
	}
	s.Handler = serve(s.cards)
	return s
}

func serve(cards *cardlogin.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/auth/", cards)
	mux.Handle("/espace", cards.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		person, _ := cardlogin.Person(r.Context())
		_, _ = io.WriteString(w, "ici "+person.DisplayName()+" "+person.Kind+" "+cardlogin.Current(r.Context()).Account)
	})))
	mux.HandleFunc("/{page}", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "page "+r.PathValue("page")) })
	return cards.Protect(mux)
}

func (s *site) browser() *cardlogintest.Browser { return cardlogintest.NewBrowser(s, origin) }

func loggedIn(t *testing.T, b *cardlogintest.Browser, c *cardlogintest.Card) {
	t.Helper()
	if next, err := b.Login(c); err != nil || next != "/espace" {
		t.Fatal(next, err)
	}
}

// reason is why a login was refused.
func reason(t *testing.T, err error) string {
	t.Helper()
	refused := (*cardlogintest.Refused)(nil)
	if !errors.As(err, &refused) {
		t.Fatalf("not refused: %v", err)
	}
	return refused.Reason
}

func page(t *testing.T, b *cardlogintest.Browser, path, want string) {
	t.Helper()
	if status, got, err := b.Get(path); err != nil || status != http.StatusOK || got != want {
		t.Errorf("%s: %d %q %v, want %q", path, status, got, err, want)
	}
}

func TestLoginAndLogout(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	page(t, b, "/espace", "page connexion")
	loggedIn(t, b, newCard(t, "CPS", 1))
	page(t, b, "/espace", "ici CAMILLE TEST-CPS0001 CPS ")
	page(t, s.browser(), "/espace", "page connexion")
	if status, got, err := b.Post("/auth/logout", nil); err != nil || status != http.StatusOK || got != "page parti" {
		t.Errorf("%d %q %v", status, got, err)
	}
	page(t, b, "/espace", "page connexion")
	for _, secret := range []string{"CAMILLE", "TEST-CPS", "8997"} {
		if strings.Contains(s.logged(), secret) {
			t.Errorf("the log has %q: %s", secret, s.logged())
		}
	}
}

func TestTokensAreGoodOnce(t *testing.T) {
	s := newSite(t, nil)
	b, c := s.browser(), newCard(t, "CPS", 1)
	nonce, err := b.Challenge()
	if err != nil {
		t.Fatal(err)
	}
	token, err := c.Token(origin, nonce)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.browser().Send(token); reason(t, err) != "no_session" {
		t.Error(err)
	}
	if _, err := b.Send(token); err != nil {
		t.Fatal(err)
	}
	// Its cookie is gone with its login; the session says that the browser keeps cookies.
	if _, err := b.Send(token); reason(t, err) != "challenge_expired" {
		t.Error(err)
	}
	expired, err := authority().Expired("CPS", 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.browser().Login(expired); reason(t, err) != "expired" {
		t.Error(err)
	}
}

// What was planted in a browser before a login is worth nothing after it, and a session
// ends with the next login.
func TestSessionIsRenewed(t *testing.T) {
	s := newSite(t, nil)
	mine, theirs := s.browser(), s.browser()
	loggedIn(t, mine, newCard(t, "CPS", 1))
	theirs.Client.Jar = mine.Client.Jar // whoever plants a session knows it
	page(t, theirs, "/espace", "ici CAMILLE TEST-CPS0001 CPS ")
	before := cookies(t, mine)
	loggedIn(t, theirs, newCard(t, "CPE", 2))
	r := httptest.NewRequest(http.MethodGet, origin+"/espace", nil)
	for _, c := range before {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Code != http.StatusSeeOther {
		t.Errorf("the session from before: %d %s", w.Code, w.Body)
	}
	page(t, theirs, "/espace", "ici CAMILLE TEST-CPE0002 CPE ")
}

// No cache has what is for one person, nor that nobody was there.
func TestCaches(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	b.Client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for _, status := range []int{http.StatusSeeOther, http.StatusOK} {
		answer, err := b.Client.Get(origin + "/espace")
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != status || answer.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%d %v", answer.StatusCode, answer.Header)
		}
		loggedIn(t, b, newCard(t, "CPS", 1))
	}
}

func cookies(t *testing.T, b *cardlogintest.Browser) []*http.Cookie {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, origin, nil)
	if err != nil {
		t.Fatal(err)
	}
	return b.Client.Jar.Cookies(r.URL)
}

func TestSessionsEnd(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	loggedIn(t, b, newCard(t, "CPS", 1))
	for range 40 {
		s.clock.pass(14 * time.Minute)
		page(t, b, "/espace", "ici CAMILLE TEST-CPS0001 CPS ")
	}
	s.clock.pass(15 * time.Minute)
	page(t, b, "/espace", "page connexion")
	loggedIn(t, b, newCard(t, "CPS", 1))
	for range 42 {
		s.clock.pass(14 * time.Minute)
		page(t, b, "/espace", "ici CAMILLE TEST-CPS0001 CPS ")
	}
	s.clock.pass(14 * time.Minute)
	page(t, b, "/espace", "page connexion")
}

func TestAccept(t *testing.T) {
	s := newSite(t, func(o *cardlogin.Options) {
		o.Accept = func(_ *http.Request, l *cardlogin.Login) error {
			switch l.Person.Kind {
			case "CPA":
				return &cardlogin.Refusal{Reason: "account_disabled", Detail: "Compte fermé."}
			case "CPF":
				return errors.New("the database is gone")
			}
			if l.Result.Certificate == nil || len(l.Person.Attributes) == 0 || !l.Test || l.Key() != "TEST id:"+l.Person.Identifier {
				t.Errorf("%+v", l)
			}
			l.Account, l.Next = "compte-7", "/espace?premiere"
			return nil
		}
	})
	b := s.browser()
	if next, err := b.Login(newCard(t, "CPS", 1)); err != nil || next != "/espace?premiere" {
		t.Error(next, err)
	}
	page(t, b, "/espace", "ici CAMILLE TEST-CPS0001 CPS compte-7")
	if _, err := b.Login(newCard(t, "CPA", 1)); reason(t, err) != "account_disabled" {
		t.Error(err)
	}
	page(t, b, "/espace", "ici CAMILLE TEST-CPS0001 CPS compte-7")
	if _, err := b.Login(newCard(t, "CPF", 1)); reason(t, err) != "internal" {
		t.Error(err)
	}
	if !strings.Contains(s.logged(), "the database is gone") {
		t.Error(s.logged())
	}
}

// A page of the person before ends no session of who came after.
func TestLogoutOfAnotherCard(t *testing.T) {
	var certificate string
	s := newSite(t, func(o *cardlogin.Options) {
		o.Accept = func(_ *http.Request, l *cardlogin.Login) error { certificate = l.Certificate; return nil }
	})
	b := s.browser()
	loggedIn(t, b, newCard(t, "CPS", 1))
	for _, c := range []struct{ card, want string }{
		{strings.Repeat("0", 64), "ici CAMILLE TEST-CPS0001 CPS "}, {certificate, "page connexion"},
	} {
		if _, _, err := b.Post("/auth/logout", map[string][]string{"card": {c.card}}); err != nil {
			t.Fatal(err)
		}
		page(t, b, "/espace", c.want)
	}
}

func problem(t *testing.T, h http.Handler, r *http.Request) (int, map[string]any, http.Header) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var body map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatalf("%s %s: %d %s", r.Method, r.URL, w.Code, w.Body)
	}
	return w.Code, body, w.Header()
}

func TestProblems(t *testing.T) {
	s := newSite(t, func(o *cardlogin.Options) {
		o.Hosts = []string{"127.0.0.1"}
		o.Detail = func(_ *http.Request, reason string) string { return "à propos de " + reason }
	})
	long := strings.Repeat("x", authtoken.MaxTokenSize+2000)
	for name, c := range map[string]struct {
		method, url, body string
		header            map[string]string
		status            int
		reason            string
	}{
		"unknown path":     {"GET", origin + "/auth/other", "", nil, 404, "not_found"},
		"the folder":       {"GET", origin + "/auth/", "", nil, 404, "not_found"},
		"GET of the login": {"GET", origin + "/auth/login", "", nil, 405, "method_not_allowed"},
		"PUT":              {"PUT", origin + "/auth/challenge", "", nil, 405, "method_not_allowed"},
		"GET of logout":    {"GET", origin + "/auth/logout", "", nil, 405, "method_not_allowed"},
		"no body":          {"POST", origin + "/auth/login", "", nil, 400, "malformed_request"},
		"no JSON":          {"POST", origin + "/auth/login", "x", nil, 400, "malformed_request"},
		"no token":         {"POST", origin + "/auth/login", "{}", nil, 400, "malformed_request"},
		"two tokens":       {"POST", origin + "/auth/login", `{"auth-token":{},"auth-token":{}}`, nil, 400, "malformed_request"},
		"other case":       {"POST", origin + "/auth/login", `{"AUTH-TOKEN":{}}`, nil, 400, "malformed_request"},
		"too large":        {"POST", origin + "/auth/login", `{"auth-token":"` + long + `"}`, nil, 413, "malformed_request"},
		"no cookie":        {"POST", origin + "/auth/login", `{"auth-token":{}}`, nil, 403, "no_session"},
		"another host":     {"GET", "https://other.example.fr/auth/challenge", "", nil, 421, "unknown_host"},
		"another site":     {"GET", origin + "/auth/challenge", "", map[string]string{"Sec-Fetch-Site": "same-site"}, 403, "cross_origin"},
		"typed":            {"GET", origin + "/auth/challenge", "", map[string]string{"Sec-Fetch-Site": "none"}, 403, "cross_origin"},
		"another origin":   {"POST", origin + "/auth/login", "{}", map[string]string{"Origin": "https://other.example.fr"}, 403, "cross_origin"},
		"null origin":      {"POST", origin + "/auth/logout", "", map[string]string{"Origin": "null"}, 403, "cross_origin"},
		"not logged in":    {"POST", origin + "/espace", "", nil, 403, "no_login"},
		"a foreign form":   {"POST", origin + "/page", "", map[string]string{"Sec-Fetch-Site": "cross-site"}, 403, "cross_origin"},
	} {
		r := httptest.NewRequest(c.method, c.url, strings.NewReader(c.body))
		for k, v := range c.header {
			r.Header.Set(k, v)
		}
		status, body, header := problem(t, s, r)
		if status != c.status || body["reason"] != c.reason || body["status"] != float64(c.status) || body["detail"] != "à propos de "+c.reason ||
			header.Get("Content-Type") != "application/problem+json" || header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v %v", name, status, body, header)
		}
		if ref, _ := body["reference"].(string); len(ref) != 6 || !strings.Contains(s.logged(), ref) {
			t.Errorf("%s: the log has no %q", name, ref)
		}
		if c.status == 405 && header.Get("Allow") == "" {
			t.Errorf("%s: no Allow", name)
		}
	}
	status, body, _ := problem(t, s, httptest.NewRequest("GET", "http://127.0.0.1:8080/auth/challenge", nil))
	if status != http.StatusOK || body["nonce"] == "" {
		t.Errorf("by a name of Hosts: %d %v", status, body)
	}
}

// The endpoints stand by themselves, where a portal has nothing of the kind around it.
func TestWithoutProtect(t *testing.T) {
	s := newSite(t, nil)
	for name, c := range map[string]struct {
		url    string
		header map[string]string
		status int
	}{
		"another host":           {"https://other.example.fr/auth/logout", nil, 421},
		"another origin":         {origin + "/auth/logout", map[string]string{"Origin": "https://other.example.fr"}, 403},
		"another port":           {origin + "/auth/logout", map[string]string{"Origin": origin + ":8443", "Sec-Fetch-Site": "same-origin"}, 403},
		"no origin":              {origin + "/auth/logout", map[string]string{"Origin": "null"}, 403},
		"no origin, of its own":  {origin + "/auth/logout", map[string]string{"Origin": "null", "Sec-Fetch-Site": "same-origin"}, 303},
		"no origin, of the next": {origin + "/auth/logout", map[string]string{"Origin": "null", "Sec-Fetch-Site": "same-site"}, 403},
		"an older browser":       {origin + "/auth/logout", map[string]string{"Origin": origin}, 303},
		"a program":              {origin + "/auth/logout", nil, 303},
	} {
		r := httptest.NewRequest(http.MethodPost, c.url, nil)
		for k, v := range c.header {
			r.Header.Set(k, v)
		}
		w := httptest.NewRecorder()
		s.cards.ServeHTTP(w, r)
		if w.Code != c.status {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

// A page that lets its browser say nothing of where it is logs in and out all the same.
func TestReferrerPolicy(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	b.Client.Transport = nullOrigin{b.Client.Transport}
	loggedIn(t, b, newCard(t, "CPS", 1))
	page(t, b, "/espace", "ici CAMILLE TEST-CPS0001 CPS ")
	if status, got, err := b.Post("/auth/logout", nil); err != nil || status != http.StatusOK || got != "page parti" {
		t.Errorf("%d %q %v", status, got, err)
	}
}

// nullOrigin is how browsers send requests of pages with "Referrer-Policy: no-referrer".
type nullOrigin struct{ http.RoundTripper }

func (n nullOrigin) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Header.Get("Origin") != "" {
		r.Header.Set("Origin", "null")
	}
	return n.RoundTripper.RoundTrip(r)
}

// A portal with a token of its own against cross-site requests gets it with challenge and
// login.
func TestTokenOfThePortal(t *testing.T) {
	s := newSite(t, func(o *cardlogin.Options) {
		o.ChallengeByPost = true
		o.CheckToken = func(r *http.Request) error {
			if r.Header.Get("X-CSRF-TOKEN") != "right" {
				return errors.New("no such token")
			}
			return nil
		}
	})
	for name, c := range map[string]struct {
		post  bool
		value string
		want  string
	}{
		"GET": {false, "right", "method_not_allowed"}, "without": {true, "", "csrf_failed"}, "wrong": {true, "wrong", "csrf_failed"}, "right": {true, "right", ""},
	} {
		b := s.browser()
		b.ChallengeByPost, b.Header = c.post, http.Header{"X-Csrf-Token": {c.value}}
		if next, err := b.Login(newCard(t, "CPS", 1)); c.want == "" && (err != nil || next != "/espace") || c.want != "" && reason(t, err) != c.want {
			t.Errorf("%s: %q %v", name, next, err)
		}
	}
}

func TestRefusedOptions(t *testing.T) {
	verifier, err := authority().Verifier(origin)
	if err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]cardlogin.Options{
		"no verifier":       {},
		"path without /":    {Verifier: verifier, Path: "/auth"},
		"next elsewhere":    {Verifier: verifier, Next: "https://other.example.fr/"},
		"next at a host":    {Verifier: verifier, Next: "//other.example.fr"},
		"with a backslash":  {Verifier: verifier, LoggedOut: `/\other.example.fr`},
		"relative":          {Verifier: verifier, LoginPage: "espace"},
		"framed, not https": {Verifier: loopback(t), Framed: true},
	} {
		if _, err := cardlogin.New(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func loopback(t *testing.T) *authtoken.Verifier {
	t.Helper()
	v, err := authority().Verifier("http://localhost:8080")
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// An unnamed card's key is its certificate: it may pass from hand to hand.
func TestKey(t *testing.T) {
	named := cardlogin.Login{Group: "g", Certificate: "c", Person: cps.Person{Identifier: "8", Surname: "TEST"}}
	unnamed := cardlogin.Login{Group: "g", Certificate: "c", Person: cps.Person{Identifier: "3/1", Pseudonym: "TEST"}}
	if named.Key() != "g id:8" || unnamed.Key() != "g cert:c" {
		t.Error(named.Key(), unnamed.Key())
	}
}
