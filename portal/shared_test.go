package portal

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
)

var cardIDInPage = regexp.MustCompile(`data-card-id="([^"]+)"`)

var languageBack = regexp.MustCompile(`<input type="hidden" name="back" value="([^"]*)">`)

// cardID is what a page calls its card in what it posts.
func cardID(t *testing.T, page answer) string {
	t.Helper()
	found := cardIDInPage.FindStringSubmatch(page.raw)
	if found == nil {
		t.Fatalf("%s names no card", page.Request.URL.Path)
	}
	return found[1]
}

const otherCardText = "Une autre carte a été identifiée depuis dans ce navigateur"

// refused requires that nothing was done, with a page that says so and leads on.
func refused(b *browser, a answer) {
	b.t.Helper()
	b.shows(a, http.StatusConflict, "Cette page n’est plus à jour", otherCardText, "Retour à l’accueil")
	back := languageBack.FindStringSubmatch(a.raw)
	if back == nil {
		b.t.Fatalf("%s has no button of the language", a.Request.URL.Path)
	}
	if page := b.post("/langue", "back", back[1], "lang", "fr"); page.Header.Get("Location") != "/" {
		b.t.Errorf("%s: the language's button leads to %q", a.Request.URL.Path, page.Header.Get("Location"))
	}
}

// TestAnotherPersonsPage: at a shared workstation a page of the person before is still
// open when the next one has logged in. What it posts does nothing in the new session.
func TestAnotherPersonsPage(t *testing.T) {
	s := newSite(t)
	s.account(t, "test.second", "Dr TEST Seconde")
	first, second := issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1)), issue(t, pki().Intermediate, demopki.NewHolder("CPS", 2))
	s.browser(t).attach(second, "test.second")
	b := s.browser(t)

	// The form of the first one's card, with name and password typed in, and the second card pending.
	if next, _ := b.login(first); next != pathFirst {
		t.Fatal(next)
	}
	page := b.get(pathFirst)
	old := cardID(t, page)
	if n := strings.Count(page.raw, `<input type="hidden" name="card" value="`+old+`">`); n != 2 {
		t.Errorf("%d of the page's two forms say for which card", n)
	}
	third := issue(t, pki().Intermediate, demopki.NewHolder("CPS", 3))
	if next, _ := b.login(third); next != pathFirst {
		t.Fatal(next)
	}
	refused(b, b.post(pathFirst, "username", testName, "password", testPassword, "card", old))
	refused(b, b.post(pathFirst, "username", testName, "password", testPassword)) // of nobody knows which card
	b.shows(b.get(pathFirst+"/confirmation"), http.StatusForbidden)               // no password counts for this card
	refused(b, b.post(pathFirst+"/pas-ma-carte", "card", old))
	refused(b, b.post(pathFirst+"/pas-ma-carte"))
	refused(b, b.post(pathFirst+"/pas-ma-carte", "card", ""))
	b.shows(b.get("/?carte=autre"), http.StatusOK, otherCardText) // where the page leads
	b.shows(b.get(pathFirst), http.StatusOK, "TEST")              // the card is still pending

	// The confirmation of one card, and another one of the same account pending.
	b.redirected(b.password(testName, testPassword), pathFirst+"/confirmation")
	refused(b, b.post(pathFirst+"/confirmation", "account", "1", "card", old))
	refused(b, b.post(pathFirst+"/confirmation", "account", "1"))
	b.shows(b.get(pathSpace), http.StatusSeeOther)

	b.attach(first, testName)
	old = cardID(t, b.get(pathSpace))
	b.entered(second, "Dr TEST Seconde") // over the open session of the first one
	refused(b, b.post(pathLogout, "card", old))
	refused(b, b.post(pathLogout))
	b.shows(b.get("/?carte=autre"), http.StatusOK, otherCardText)
	b.shows(b.get(pathSpace), http.StatusOK, "Dr TEST Seconde")
	b.redirected(b.post(pathLogout, "card", cardID(t, b.get(pathSpace))), pathLoggedOut)
	b.loggedOut()
	if page := b.get("/?carte=autre"); strings.Contains(page.text, otherCardText) {
		t.Error("another card is identified without any")
	}

	// A page of this person's own, from before the card was renewed, still ends the session.
	b.entered(first, "Dr TEST Testeur")
	b.entered(issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1)), "Dr TEST Testeur")
	b.redirected(b.post(pathLogout, "card", old), pathLoggedOut)
	b.loggedOut()

	// And so does the page that showed the card before it was attached.
	fourth := issue(t, pki().Intermediate, demopki.NewHolder("CPS", 4))
	if next, _ := b.login(fourth); next != pathFirst {
		t.Fatal(next)
	}
	old = cardID(t, b.get(pathFirst))
	b.redirected(b.password(testName, testPassword), pathFirst+"/confirmation")
	b.redirected(b.confirm(), pathAttached)
	b.redirected(b.post(pathFirst+"/pas-ma-carte", "card", old), "/")
	b.loggedOut()
}

// TestNothingToRemember: what a person types to attach a card is asked for without
// help for the browser, and no page may be stored.
func TestNothingToRemember(t *testing.T) {
	s := newSite(t)
	b := s.browser(t)
	if next, _ := b.login(issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1))); next != pathFirst {
		t.Fatal(next)
	}
	page := b.get(pathFirst)
	if got := page.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control %q", got)
	}
	_, form, _ := strings.Cut(page.raw, `id="attach-form"`)
	form, _, _ = strings.Cut(form, "</form>")
	begin, _, _ := strings.Cut(form, ">")
	if !strings.Contains(begin, `autocomplete="off"`) {
		t.Errorf("the form: %s", begin)
	}
	for _, field := range regexp.MustCompile(`<input [^>]*>`).FindAllString(form, -1) {
		want := `autocomplete="off"`
		switch {
		case strings.Contains(field, `type="hidden"`):
			continue
		case strings.Contains(field, `type="password"`):
			want = `autocomplete="one-time-code"` // the one that Chromium does not offer to save
		}
		if !strings.Contains(field, want) {
			t.Errorf("%s: not %s", field, want)
		}
	}
	b.shows(b.mine(pathFirst, "username", testName, "password", "TEST autre mot de passe"), http.StatusForbidden, credentialsText)
	if page := b.mine(pathFirst, "username", testName, "password", "TEST autre mot de passe"); strings.Contains(page.raw, "autre mot de passe") {
		t.Error("a refused password comes back in the page")
	}
}
