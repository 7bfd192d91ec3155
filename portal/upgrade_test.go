package portal

import (
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/portal/passwords"
)

// A password whose hash is of another cost than today's goes on working, and is hashed anew once
// it was typed right.
func TestOutdatedHash(t *testing.T) {
	s := newSite(t)
	old, err := argon2id.CreateHash(testPassword, &argon2id.Params{Memory: 8 * 1024, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
	if err != nil {
		t.Fatal(err)
	}
	a, err := s.store.AccountByName(t.Context(), testName)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.store.SetPassword(t.Context(), a.ID, a.Password, old); err != nil {
		t.Fatal(err)
	}
	stored := func() string {
		t.Helper()
		a, err := s.store.AccountByName(t.Context(), testName)
		if err != nil {
			t.Fatal(err)
		}
		return a.Password
	}
	b := s.browser(t)
	if next, _ := b.login(issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1))); next != pathFirst {
		t.Fatal(next)
	}
	b.password(testName, "TEST autre mot de passe")
	if stored() != old {
		t.Error("a wrong password changed the hash")
	}
	b.redirected(b.password(testName, testPassword), pathFirst+"/confirmation")
	better := stored()
	if cost(better) != cost(passwords.Decoy) || strings.Contains(better, testPassword) {
		t.Errorf("the hash is %s", better)
	}
	b.redirected(b.password(testName, testPassword), pathFirst+"/confirmation")
	if stored() != better {
		t.Error("a hash of today's cost was made anew")
	}
}

// That a session is used is written once a minute at most, however fast a browser asks.
func TestSeenOnceAMinute(t *testing.T) {
	s := newSite(t)
	b, _ := loggedIn(t, s)
	seen := func() (at int64) {
		t.Helper()
		if err := s.db.QueryRow(`SELECT MAX(seen) FROM sessions`).Scan(&at); err != nil {
			t.Fatal(err)
		}
		return at
	}
	begun := seen()
	for range 5 {
		s.clock.pass(10 * time.Second)
		b.get(pathSpace)
	}
	if at := seen(); at != begun {
		t.Errorf("written after %d s", at-begun)
	}
	s.clock.pass(10 * time.Second)
	b.get(pathSpace)
	if at := seen(); at != begun+60 {
		t.Errorf("after a minute: %d s", at-begun)
	}
}
