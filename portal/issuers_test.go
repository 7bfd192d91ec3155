package portal

import (
	"net/http"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/portallab"
)

// The demonstration's issuer states no policy: strict_policies refuses its cards, and
// the page is told in the person's language why.
func TestStrictPolicies(t *testing.T) {
	s := newSite(t, portallab.Replacing("[[trust_group]]", "[[trust_group]]\nstrict_policies = true"))
	card := issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1))
	for language, want := range map[string]string{
		"fr-FR": "D’après les certificats de son émetteur, cette carte ne sert pas",
		"en-GB": "By its issuer’s certificates, this card is not for logging in",
	} {
		b := s.browser(t)
		b.header.Set("Accept-Language", language)
		a := b.send(card.token(t, s.origin, b.challenge()))
		if _, reason := outcome(t, a); reason != "issuer_not_allowed" || a.StatusCode != http.StatusForbidden || !strings.Contains(a.raw, want) {
			t.Errorf("%s: %d %s", language, a.StatusCode, a.raw)
		}
		b.loggedOut()
	}
}
