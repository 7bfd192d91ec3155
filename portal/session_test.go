package portal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/portallab"
	"github.com/cpx-bridge/cpx-bridge/portal/settings"
	"github.com/cpx-bridge/cpx-bridge/portal/store"
)

func loggedIn(t *testing.T, s *site) (*browser, testCard) {
	t.Helper()
	b := s.browser(t)
	card := issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1))
	b.attach(card, testName)
	return b, card
}

func TestSessionEnds(t *testing.T) {
	t.Run("idle", func(t *testing.T) {
		s := newSite(t)
		b, _ := loggedIn(t, s)
		for range 3 { // each use begins the fifteen minutes anew
			s.clock.pass(15*time.Minute - time.Second)
			b.shows(b.get(pathSpace), http.StatusOK, "Dr TEST Testeur")
		}
		s.clock.pass(15*time.Minute + time.Second)
		b.loggedOut()
	})
	t.Run("in all", func(t *testing.T) {
		s := newSite(t)
		b, _ := loggedIn(t, s)
		for range 59 {
			s.clock.pass(10 * time.Minute)
			b.shows(b.get(pathSpace), http.StatusOK, "Dr TEST Testeur")
		}
		s.clock.pass(10*time.Minute + time.Second)
		b.loggedOut()
	})
	t.Run("settings", func(t *testing.T) {
		s := newSite(t, portallab.Replacing("[[trust_group]]", "[session]\nidle = \"1m\"\ntotal = \"90s\"\n\n[[trust_group]]"))
		b, card := loggedIn(t, s)
		s.clock.pass(61 * time.Second)
		b.loggedOut()
		b.entered(card, "Dr TEST Testeur")
		s.clock.pass(50 * time.Second)
		b.shows(b.get(pathSpace), http.StatusOK)
		s.clock.pass(41 * time.Second)
		b.loggedOut()
	})
	t.Run("log out", func(t *testing.T) {
		s := newSite(t)
		b, _ := loggedIn(t, s)
		old := b.cookie()
		b.redirected(b.mine("/deconnexion"), pathLoggedOut)
		replayed := s.browser(t)
		replayed.header.Set("Cookie", old.String())
		replayed.loggedOut()
		b.redirected(b.post("/deconnexion"), pathLoggedOut) // twice is no error
	})
}

// The identifier changes at each step that changes what the session may do, and
// the one before is worth nothing.
func TestSessionIsRenewed(t *testing.T) {
	s := newSite(t)
	b := s.browser(t)
	card := issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1))
	if b.challenge(); b.cookie().Value != "" {
		t.Error("a visitor has a session")
	}
	if next, _ := b.login(card); next != pathFirst {
		t.Fatal(next)
	}
	pending := b.cookie()
	b.redirected(b.password(testName, testPassword), pathFirst+"/confirmation")
	b.redirected(b.confirm(), pathAttached)
	in := b.cookie()
	if pending.Value == in.Value || len(pending.Value) < 43 || len(in.Value) < 43 {
		t.Errorf("identifiers %q, %q", pending.Value, in.Value)
	}
	thief := s.browser(t)
	thief.header.Set("Cookie", pending.String())
	thief.loggedOut()
	thief.shows(thief.get(pathFirst), http.StatusForbidden)
	var n int
	if err := s.db.QueryRow(`SELECT COUNT(*) FROM sessions WHERE account IS NOT NULL OR pending <> ''`).Scan(&n); err != nil || n != 1 {
		t.Errorf("%d sessions are good for something, %v", n, err)
	}
	// An identifier that somebody else chose is not adopted.
	fixed := s.browser(t)
	u, err := url.Parse(s.origin)
	if err != nil {
		t.Fatal(err)
	}
	fixed.client.Jar.SetCookies(u, []*http.Cookie{{Name: s.cookieName(), Value: strings.Repeat("A", 43), Path: "/"}})
	if fixed.entered(card, "Dr TEST Testeur"); fixed.cookie().Value == strings.Repeat("A", 43) {
		t.Error("the planted identifier is the session's")
	}
}

// The database lets its reader neither take over a session nor log in with a
// password, and other users of the machine cannot read it.
func TestDatabaseHoldsNoSecret(t *testing.T) {
	s := newSite(t)
	b, _ := loggedIn(t, s)
	value := b.cookie().Value
	if s.onPostgres() {
		for table := range s.rows(t) {
			var text string
			if err := s.db.QueryRow(`SELECT COALESCE(string_agg(t::text, ' '), '') FROM ` + table + ` AS t`).Scan(&text); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(text, value) || strings.Contains(text, hex.EncodeToString([]byte(value))) || strings.Contains(text, testPassword) {
				t.Errorf("%s holds a session identifier or a password", table)
			}
		}
		return
	}
	files, err := filepath.Glob(s.settings.Database + "*")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v %v", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(text, []byte(value)) || bytes.Contains(text, []byte(testPassword)) {
			t.Errorf("%s holds a session identifier or a password", filepath.Base(file))
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: mode %v, %v", filepath.Base(file), info.Mode(), err)
		}
	}
	var hash string
	if err := s.db.QueryRow(`SELECT password FROM accounts`).Scan(&hash); err != nil || !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("password stored as %q, %v", hash, err)
	}
}

// What has expired is deleted, and nothing else.
func TestClean(t *testing.T) {
	s := newSite(t)
	cards := []testCard{issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1)), issue(t, pki().Intermediate, demopki.NewHolder("CPS", 2))}
	for _, card := range cards { // each leaves a used nonce, and the session that was confirmed
		s.browser(t).attach(card, testName)
	}
	b := s.browser(t)
	b.login(issue(t, pki().Intermediate, demopki.NewHolder("CPS", 3)))
	b.password(testName, "TEST autre mot de passe")
	want := func(what string, rows map[string]int) {
		t.Helper()
		if err := s.clean(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := s.rows(t); !maps.Equal(got, rows) {
			t.Errorf("%s: %v, want %v", what, got, rows)
		}
	}
	all := map[string]int{"accounts": 1, "cards": 2, "sessions": 5, "used_nonces": 3, "password_tries": 3, "challenge_keys": 1, "audit": 6, "revocation_lists": 0, "done": 2}
	want("at once", all)
	s.clock.pass(16 * time.Minute)
	s.browser(t).entered(cards[0], "Dr TEST Testeur")
	all["sessions"], all["used_nonces"], all["audit"], all["done"] = 1, 4, 7, 0
	want("after the sessions", all)
	s.clock.pass(2 * time.Hour)
	all["sessions"], all["used_nonces"], all["password_tries"] = 0, 0, 0
	want("after all", all)
	s.clock.pass(366 * 24 * time.Hour)
	all["challenge_keys"], all["audit"] = 0, 0
	want("after a year", all)
}

func TestCookieOnHTTPS(t *testing.T) {
	dir := t.TempDir()
	read, err := settings.Load(portallab.WriteFile(t, dir, "portal.toml", portallab.SettingsText(t, dir, "https://portail.test")))
	if err != nil {
		t.Fatal(err)
	}
	p, err := New(t.Context(), read, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	w := httptest.NewRecorder()
	p.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "https://portail.test/auth/challenge", nil))
	cookies := w.Result().Cookies()
	if len(cookies) != 1 {
		t.Fatalf("cookies %v", cookies)
	}
	if c := cookies[0]; !strings.HasPrefix(c.Name, "__Host-cpx-challenge-") || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
		t.Errorf("cookie %v", c)
	}
	after := httptest.NewRecorder()
	login := httptest.NewRequestWithContext(t.Context(), "POST", "https://portail.test/auth/login", nil)
	if _, _, err := p.sessions.Login(after, login, store.Card{Group: "test", Identifier: "1", Named: true}, nil); err != nil {
		t.Fatal(err)
	}
	if c := after.Result().Cookies()[0]; c.Name != "__Host-cpx" || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.MaxAge != 0 {
		t.Errorf("cookie %v", c)
	}
	if got := w.Header().Get("Strict-Transport-Security"); got == "" {
		t.Error("no Strict-Transport-Security on https")
	}
}

// A page that depends on a card names the card and where to post when it is
// removed; a page that depends on none names neither.
func TestPagesNameTheirCard(t *testing.T) {
	s := newSite(t)
	b := s.browser(t)
	card := issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1))
	sum := sha256.Sum256(card.cert.Raw)
	id := hex.EncodeToString(sum[:])
	if page := b.get("/"); strings.Contains(page.raw, "data-card") || strings.Contains(page.raw, "session.mjs") {
		t.Error("the home page of a visitor watches a card")
	}
	if next, _ := b.login(card); next != pathFirst {
		t.Fatal(next)
	}
	watches := func(page answer, removal string) {
		t.Helper()
		if !strings.Contains(page.raw, `data-card="`+id+`" data-leave="`+removal+`"`) || !strings.Contains(page.raw, "/session.mjs") {
			t.Errorf("%s does not watch its card", page.Request.URL.Path)
		}
	}
	watches(b.get(pathFirst), pathFirst+"/pas-ma-carte")
	b.attach(card, testName)
	for _, path := range []string{pathSpace, "/assistance", "/rien"} {
		watches(b.get(path), pathLogout)
	}
	visitor := s.browser(t)
	visitor.shows(visitor.get("/?carte=retiree"), http.StatusOK, "Votre carte a été retirée du lecteur")
}
