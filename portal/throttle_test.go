package portal

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/portal/passwords"
)

// Failures of one card slow it down but never lock it: the right password gets in
// after the delay that the page states.
func TestPasswordStepIsSlowed(t *testing.T) {
	s := newSite(t)
	s.account(t, "autre", "Mme TEST Autre")
	b := s.browser(t)
	card := issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1))
	if next, _ := b.login(card); next != pathFirst {
		t.Fatal(next)
	}
	for i := range passwords.FreeFailures { // of whichever account
		b.shows(b.password([]string{testName, "autre", "inconnu"}[i%3], "TEST autre mot de passe"), http.StatusForbidden)
	}
	slowed := b.password("autre", testPassword)
	b.shows(slowed, http.StatusTooManyRequests, "Trop d’essais avec cette carte. Attendez")
	wait, err := strconv.Atoi(slowed.Header.Get("Retry-After"))
	if err != nil || wait < 1 || wait > 60 {
		t.Fatalf("Retry-After %q", slowed.Header.Get("Retry-After"))
	}
	if !strings.Contains(s.log.String(), "reason=card_slowed") {
		t.Error("the log does not say so")
	}
	// The card is the same in another browser, and after its renewal.
	elsewhere := s.browser(t)
	if next, _ := elsewhere.login(issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1))); next != pathFirst {
		t.Fatal(next)
	}
	elsewhere.shows(elsewhere.password(testName, testPassword), http.StatusTooManyRequests)
	// Another card gets to the same account.
	other := s.browser(t)
	if next, _ := other.login(issue(t, pki().Intermediate, demopki.NewHolder("CPS", 2))); next != pathFirst {
		t.Fatal(next)
	}
	other.redirected(other.password(testName, testPassword), pathFirst+"/confirmation")

	s.clock.pass(time.Duration(wait) * time.Second)
	b.redirected(b.password(testName, testPassword), pathFirst+"/confirmation")
	// A success of its own gives the card no new guesses at others.
	b.shows(b.password("autre", "TEST autre mot de passe"), http.StatusTooManyRequests)
}
