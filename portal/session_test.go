package portal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
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
		s := newSite(t, replacing("[[trust_group]]", "[session]\nidle = \"1m\"\ntotal = \"90s\"\n\n[[trust_group]]"))
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
		b.redirected(b.post("/deconnexion"), pathLoggedOut)
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
	b.challenge()
	visitor := b.cookie()
	if next, _ := b.login(card); next != pathFirst {
		t.Fatal(next)
	}
	pending := b.cookie()
	b.redirected(b.password(testName, testPassword), pathFirst+"/confirmation")
	b.redirected(b.post(pathFirst+"/confirmation"), pathSpace)
	in := b.cookie()
	if visitor.Value == pending.Value || pending.Value == in.Value || len(in.Value) < 43 {
		t.Errorf("identifiers %q, %q, %q", visitor.Value, pending.Value, in.Value)
	}
	for _, old := range []*http.Cookie{visitor, pending} {
		thief := s.browser(t)
		thief.header.Set("Cookie", old.String())
		thief.loggedOut()
		thief.shows(thief.get(pathFirst), http.StatusForbidden)
	}
	var n int
	if err := s.store.db.QueryRow(`SELECT COUNT(*) FROM sessions`).Scan(&n); err != nil || n != 1 {
		t.Errorf("%d sessions remain, %v", n, err)
	}
	// An identifier that somebody else chose is not adopted.
	fixed := s.browser(t)
	fixed.header.Set("Cookie", s.cookieName()+"="+strings.Repeat("A", 43))
	if a := fixed.get("/auth/challenge"); !strings.Contains(a.Header.Get("Set-Cookie"), s.cookieName()+"=") || strings.Contains(a.Header.Get("Set-Cookie"), strings.Repeat("A", 43)) {
		t.Errorf("Set-Cookie %q", a.Header.Get("Set-Cookie"))
	}
}

// The database lets its reader neither take over a session nor log in with a
// password, and other users of the machine cannot read it.
func TestDatabaseHoldsNoSecret(t *testing.T) {
	s := newSite(t)
	b, _ := loggedIn(t, s)
	value := b.cookie().Value
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
	if err := s.store.db.QueryRow(`SELECT password FROM accounts`).Scan(&hash); err != nil || !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("password stored as %q, %v", hash, err)
	}
}

// Sessions that have ended are deleted, so that visitors leave nothing behind.
func TestPurge(t *testing.T) {
	s := newSite(t)
	for range 5 {
		s.browser(t).challenge()
	}
	s.clock.pass(16 * time.Minute)
	s.browser(t).challenge()
	for _, table := range []string{"sessions", "nonces"} {
		var n int
		if err := s.store.db.QueryRow(`SELECT COUNT(*) FROM ` + table).Scan(&n); err != nil || n != 1 {
			t.Errorf("%s: %d rows, %v", table, n, err)
		}
	}
}

func TestCookieOnHTTPS(t *testing.T) {
	dir := t.TempDir()
	settings, err := LoadSettings(writeFile(t, dir, "portal.toml", settingsText(t, dir, "https://portail.test")))
	if err != nil {
		t.Fatal(err)
	}
	p, err := New(settings, Options{})
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
	if c := cookies[0]; c.Name != "__Host-cpx" || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.MaxAge != 0 {
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
		if !strings.Contains(page.raw, `data-card="`+id+`" data-leave="`+removal+`"`) || !strings.Contains(page.raw, "/static/session.mjs") {
			t.Errorf("%s does not watch its card", page.Request.URL.Path)
		}
	}
	watches(b.get(pathFirst), pathFirst+"/pas-ma-carte")
	b.attach(card, testName)
	for _, path := range []string{pathSpace, "/assistance", "/rien"} {
		watches(b.get(path), pathLogout)
	}
	// Detached in another session: the page depends on no card any more.
	ids := cardIDs(t, b.get(pathSpace))
	if err := s.store.detach(t.Context(), 1, mustInt(t, ids[0])); err != nil {
		t.Fatal(err)
	}
	if page := b.get(pathSpace); page.StatusCode != http.StatusOK || strings.Contains(page.raw, "data-card") {
		t.Errorf("after the card was detached: %d", page.StatusCode)
	}
	b.shows(b.get("/assistance"), http.StatusOK)
	visitor := s.browser(t)
	visitor.shows(visitor.get("/?carte=retiree"), http.StatusOK, "Votre carte a été retirée du lecteur")
}

func mustInt(t *testing.T, s string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
