package portal

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/portal/passwords"
)

// TestDetachEndsConfirmations: a password that was typed before the owner detached the
// card attaches it no more, at whatever workstation the page was left open.
func TestDetachEndsConfirmations(t *testing.T) {
	s := newSite(t)
	lost := issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1))
	elsewhere, owner := s.browser(t), s.browser(t)
	if next, _ := elsewhere.login(lost); next != pathFirst {
		t.Fatal(next)
	}
	elsewhere.redirected(elsewhere.password(testName, testPassword), pathFirst+"/confirmation")
	owner.attach(lost, testName)
	owner.attach(issue(t, pki().Intermediate, demopki.NewHolder("CPS", 2)), testName)
	fields := shown(elsewhere.get(pathFirst + "/confirmation"))
	owner.redirected(owner.post("/cartes/"+cardIDs(t, owner.get(pathSpace))[0]+"/detacher"), spaceDetached)
	if a := elsewhere.post(pathFirst+"/confirmation", fields...); a.Header.Get("Location") == pathSpace {
		t.Errorf("%d to %s", a.StatusCode, a.Header.Get("Location"))
	}
	if cards := cardIDs(t, owner.get(pathSpace)); len(cards) != 1 {
		t.Errorf("%d cards are attached", len(cards))
	}
}

// TestProxyWithoutPort: a browser that sends no Sec-Fetch-Site, behind a proxy that
// passes the host on without its port, is still the site's own.
func TestProxyWithoutPort(t *testing.T) {
	s := newSite(t)
	s.settings.Origin = "https://portail.example.fr:8443"
	h := s.Handler()
	for origin, want := range map[string]int{"https://portail.example.fr:8443": http.StatusSeeOther, "https://hostile.test": http.StatusForbidden} {
		r := httptest.NewRequest(http.MethodPost, "http://x/langue", strings.NewReader("lang=en"))
		r.Host = "portail.example.fr"
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", origin)
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != want {
			t.Errorf("from %s: %d, want %d", origin, w.Code, want)
		}
	}
}

// TestThrottleAfterAClockAhead: a try that was made while the clock was a day ahead does
// not keep the card out until the day has passed.
func TestThrottleAfterAClockAhead(t *testing.T) {
	s := newSite(t)
	card := issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1))
	s.clock.pass(24 * time.Hour)
	b := s.browser(t)
	b.login(card)
	b.password(testName, "TEST faux mot de passe")
	s.clock.pass(-24 * time.Hour)
	b = s.browser(t)
	b.login(card)
	b.password(testName, testPassword) // counts from now on
	s.clock.pass(2 * passwords.MaxDelay)
	b = s.browser(t)
	b.login(card)
	b.redirected(b.password(testName, testPassword), pathFirst+"/confirmation")
}
