package portal

import (
	"fmt"
	"html"
	"regexp"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/badcerts"
)

// TestHostileNames: nothing that a certificate states hides, turns round or covers what
// stands beside it, on the page of a first login, on the card's own and on its removal.
func TestHostileNames(t *testing.T) {
	s := newSite(t)
	n := 0
	for name, hostile := range badcerts.Hostile() {
		t.Run(name, func(t *testing.T) {
			n++
			hostile := hostile[:min(len(hostile), 1000)] // which a token of MaxTokenSize has four times
			account := fmt.Sprintf("h%d", n)
			s.account(t, account, "Personne TEST")
			holder := demopki.NewHolder("CPS", 100+n)
			holder.Surname, holder.GivenName, holder.Profession, holder.Identifier = hostile, hostile, hostile, hostile
			card := issue(t, pki().Intermediate, holder)
			b := s.browser(t)
			if next, reason := b.login(card); reason != "" {
				t.Fatal(next, reason)
			}
			seen := func(page string) string {
				t.Helper()
				text := html.UnescapeString(strings.ReplaceAll(b.get(page).raw, "\t", " "))
				if what := badcerts.Hides(text); what != "" || !strings.Contains(text, "TEST") {
					t.Errorf("%s: %s", page, what)
				}
				return text
			}
			seen(pathFirst)
			b.redirected(b.password(account, testPassword), pathFirst+"/confirmation")
			seen(pathFirst + "/confirmation")
			b.redirected(b.confirm(), pathAttached)
			space := seen(pathSpace)
			link := regexp.MustCompile(`/cartes/\d+/detacher`).FindString(space)
			if link == "" {
				t.Fatalf("no card in %s", space)
			}
			seen(link)
		})
	}
}
