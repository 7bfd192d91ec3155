package portal

import (
	"net/http"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/portallab"
)

// TestDisabledAccount: an account that an operator disabled is let in neither by its card nor
// by its password, its open session ends, and the person reads why; enabled it is as before.
func TestDisabledAccount(t *testing.T) {
	s := newSite(t)
	card, other := issue(t, portallab.PKI().Intermediate, demopki.NewHolder("CPS", 1)), issue(t, portallab.PKI().Intermediate, demopki.NewHolder("CPS", 2))
	inside, pending := s.browser(t), s.browser(t)
	inside.attach(card, testName)
	if next, _ := pending.login(other); next != pathFirst {
		t.Fatal(next)
	}
	pending.redirected(pending.password(testName, testPassword), pathFirst+"/confirmation")
	inside.shows(inside.get(pathSpace), http.StatusOK)
	if ended, err := s.Administration().Disable(t.Context(), testName); err != nil || ended != 1 {
		t.Fatalf("%d, %v", ended, err)
	}
	if a := inside.get(pathSpace); a.StatusCode == http.StatusOK && strings.Contains(a.text, "Dr TEST Testeur") {
		t.Errorf("the open session goes on: %d", a.StatusCode)
	}
	b := s.browser(t)
	a := b.send(card.token(t, s.origin, b.challenge()))
	if _, reason := outcome(t, a); reason != "account_disabled" || !strings.Contains(a.raw, "Le compte de cette carte est désactivé") {
		t.Errorf("by its card: %q %s", reason, a.raw)
	}
	if a := pending.confirm(); strings.Contains(a.Header.Get("Location"), pathSpace) {
		t.Errorf("a card that waited was attached: %s", excerpt(a))
	}
	fresh := s.browser(t)
	if next, _ := fresh.login(other); next != pathFirst {
		t.Fatal(next)
	}
	fresh.shows(fresh.password(testName, "a wrong TEST password"), http.StatusForbidden, "incorrect")
	fresh.shows(fresh.password(testName, testPassword), http.StatusForbidden, "Ce compte est désactivé")
	if err := s.Administration().Enable(t.Context(), testName); err != nil {
		t.Fatal(err)
	}
	if next, reason := s.browser(t).login(card); next != pathSpace {
		t.Errorf("enabled: %q %q", next, reason)
	}
}
