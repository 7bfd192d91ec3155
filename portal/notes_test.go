package portal

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
)

// The person reads what has just happened on the page where a form leads, and in its title
// where the page is about nothing else. A link on another site makes no page say anything.
func TestNotes(t *testing.T) {
	s := newSite(t)
	b := s.browser(t)
	one, two := issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1)), issue(t, pki().Intermediate, demopki.NewHolder("CPS", 2))
	b.attach(two, testName)
	b.attach(one, testName)
	const attached, detached = "Votre carte est rattachée à ce compte", "La carte est détachée"
	b.shows(b.get(pathAttached), http.StatusOK, attached)
	if text := b.get(pathSpace).text; strings.Contains(text, attached) {
		t.Error("the space says of itself that a card was attached")
	}
	s.clock.pass(6 * time.Minute)
	if text := b.get(pathAttached).text; strings.Contains(text, attached) {
		t.Error("the space says long after that a card was attached")
	}
	ids := cardIDs(t, b.get(pathSpace))
	b.redirected(b.post("/cartes/"+ids[0]+"/detacher"), spaceDetached)
	b.shows(b.get(spaceDetached), http.StatusOK, detached)
	b.redirected(b.post("/cartes/"+ids[1]+"/detacher"), pathDetached)
	b.shows(b.get(pathDetached), http.StatusOK, detached, "Vous êtes déconnecté", "<title>Carte détachée ·")
	b.shows(b.get(pathLoggedOut), http.StatusOK, "<title>Vous êtes déconnecté ·")
	for site, says := range map[string]bool{"same-origin": true, "none": true, "cross-site": false, "same-site": false} {
		b.header.Set("Sec-Fetch-Site", site)
		if a := b.get(pathDetached); strings.Contains(a.text, detached) != says || strings.Contains(a.text, "<title>Carte") != says {
			t.Errorf("from %s: %s", site, excerpt(a))
		}
	}
}

// A session that was idle for too long says so, and what it did not do any more.
func TestEndedSessionSaysSo(t *testing.T) {
	const ended = "Votre session a pris fin"
	for name, c := range map[string]struct {
		path, undone string
		pending      bool
	}{
		"detach":       {"/cartes/1/detacher", "La carte n’a pas été détachée.", false},
		"one session":  {"/sessions/fermer", "Aucune autre session n’a été fermée.", false},
		"others":       {"/sessions/autres", "Aucune autre session n’a été fermée.", false},
		"all sessions": {"/sessions/toutes", "Aucune autre session n’a été fermée.", false},
		"password":     {pathFirst, "Votre mot de passe n’a pas été vérifié", true},
		"attach":       {pathFirst + "/confirmation", "La carte n’a pas été rattachée.", true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			b := s.browser(t)
			card := issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1))
			if c.pending {
				if next, _ := b.login(card); next != pathFirst {
					t.Fatal(next)
				}
				b.redirected(b.password(testName, testPassword), pathFirst+"/confirmation")
			} else {
				b.attach(card, testName)
			}
			s.clock.pass(24 * time.Hour)
			a := b.post(c.path, "card", "1", "username", testName, "password", testPassword, "account", "1")
			b.shows(a, http.StatusForbidden, c.undone)
			if !c.pending {
				b.shows(a, http.StatusForbidden, ended, "<title>"+ended)
				b.redirected(b.get(pathSpace), pathEnded)
				b.shows(b.get(pathEnded), http.StatusOK, ended, "<title>"+ended)
			}
			nobody := s.browser(t)
			nobody.redirected(nobody.get(pathSpace), "/") // had no session that could end
		})
	}
}

// Where card and account differ in surname, the person is warned before anything is attached.
func TestAnothersName(t *testing.T) {
	const warning = "la carte et le compte ne portent pas le même nom"
	for display, warned := range map[string]bool{
		"Camille TEST-CPS0001": false, "Mme Test-Cps0001": false, "Claire Autre": true, "CAMILLE Autre": true, "Compte TEST": false,
	} {
		t.Run(display, func(t *testing.T) {
			s := newSite(t)
			s.account(t, "personne", display)
			b := s.browser(t)
			if next, _ := b.login(issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1))); next != pathFirst {
				t.Fatal(next)
			}
			b.redirected(b.password("personne", testPassword), pathFirst+"/confirmation")
			a := b.get(pathFirst + "/confirmation")
			if strings.Contains(a.text, warning) != warned || warned != strings.Contains(a.text, "rattacher</button>") || warned && !strings.Contains(a.text, display) {
				t.Errorf("warned: %v\n%s", !warned, excerpt(a))
			}
			b.loggedOut()
			b.redirected(b.confirm(), pathAttached)
		})
	}
	s := newSite(t)
	s.account(t, "service", "Personne")
	b := s.browser(t)
	if next, _ := b.login(issue(t, pki().Intermediate, demopki.NewUnnamedHolder(1))); next != pathFirst {
		t.Fatal(next)
	}
	b.redirected(b.password("service", testPassword), pathFirst+"/confirmation")
	if a := b.get(pathFirst + "/confirmation"); strings.Contains(a.text, warning) {
		t.Errorf("a card that names nobody: %s", excerpt(a))
	}
}

var sessionField = regexp.MustCompile(`name="session" value="([0-9a-f]+)"`)

// The space lists the account's sessions that have not ended, and ends them: one, all others, or
// all with its own; nobody ends another account's.
func TestSessionList(t *testing.T) {
	s := newSite(t)
	s.account(t, "autre", "Mme TEST Autre")
	card, theirs := issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1)), issue(t, pki().Intermediate, demopki.NewHolder("CPS", 2))
	b, other := s.browser(t), s.browser(t)
	other.attach(theirs, "autre")
	b.attach(card, testName)
	rows := func(of *browser) []string {
		t.Helper()
		_, list, _ := strings.Cut(of.get(pathSpace).raw, `id="sessions"`)
		var ids []string
		for _, m := range sessionField.FindAllStringSubmatch(list, -1) {
			ids = append(ids, m[1])
		}
		return ids
	}
	if n := len(rows(b)); n != 0 {
		t.Fatalf("%d other sessions", n)
	}
	logins := func(n int) (all []*browser) {
		t.Helper()
		for range n {
			one := s.browser(t)
			one.entered(card, "Dr TEST Testeur")
			all = append(all, one)
		}
		return all
	}
	in := func(b *browser) bool { t.Helper(); return b.get(pathSpace).StatusCode == http.StatusOK }

	more := logins(2)
	ids := rows(b)
	if len(ids) != 2 {
		t.Fatalf("sessions %q", ids)
	}
	other.redirected(other.mine("/sessions/fermer", "session", ids[0]), pathSpace+"?session=une")
	other.redirected(other.mine("/sessions/autres"), pathSpace+"?session=autres")
	if !in(more[0]) || !in(more[1]) {
		t.Error("another account's session was ended")
	}
	b.redirected(b.mine("/sessions/fermer", "session", ids[0]), pathSpace+"?session=une")
	b.redirected(b.mine("/sessions/fermer", "session", ids[0]), pathSpace+"?session=une") // a second click
	b.shows(b.get(pathSpace+"?session=une"), http.StatusOK, "La session est fermée.")
	if in(more[0]) == in(more[1]) || len(rows(b)) != 1 {
		t.Errorf("one was to be ended: %v %v", in(more[0]), in(more[1]))
	}
	b.redirected(b.mine("/sessions/fermer", "session", "zz"), pathSpace)
	b.shows(b.post("/sessions/toutes", "card", "77"), http.StatusConflict, "Une autre carte")

	more = logins(2)
	undecided := s.browser(t)
	if next, _ := undecided.login(issue(t, pki().Intermediate, demopki.NewHolder("CPS", 3))); next != pathFirst {
		t.Fatal(next)
	}
	undecided.redirected(undecided.password(testName, testPassword), pathFirst+"/confirmation")
	b.redirected(b.mine("/sessions/autres"), pathSpace+"?session=autres")
	if in(more[0]) || in(more[1]) || !in(b) || len(rows(b)) != 0 {
		t.Error("the others were to be ended")
	}
	undecided.shows(undecided.post(pathFirst+"/confirmation", "account", "1"), http.StatusForbidden, "La carte n’a pas été rattachée.")
	more[0].redirected(more[0].get(pathSpace), pathEnded)

	more = logins(1)
	b.redirected(b.mine("/sessions/toutes"), "/?session=partout")
	b.shows(b.get("/?session=partout"), http.StatusOK, "déconnecté partout", "<title>Vous êtes déconnecté partout")
	if in(b) || in(more[0]) || !in(other) {
		t.Error("all of one account were to be ended")
	}

	// What has been idle for too long is in no list, whether or not its row is still there.
	logins(2)
	s.clock.pass(24 * time.Hour)
	b.entered(card, "Dr TEST Testeur")
	if ids := rows(b); len(ids) != 0 {
		t.Errorf("sessions that have ended: %q", ids)
	}
}

// A form of another site is answered with a page, and an address that none has with one too.
func TestOtherAnswers(t *testing.T) {
	s := newSite(t)
	b := s.browser(t)
	for _, path := range []string{"/static/", "/static/%ff", "/static/js", "/static/js/", "/static/js/%ff", "/static/portal.css/", "/static/..%2fx", "/static//", "/static/js/../js/"} {
		a := b.get(path)
		if a.StatusCode == http.StatusMovedPermanently || a.StatusCode == http.StatusTemporaryRedirect {
			a = b.get(a.Header.Get("Location"))
		}
		b.shows(a, http.StatusNotFound, "Page introuvable")
	}
	b.shows(b.get("/static/portal.css"), http.StatusOK)
	for _, path := range []string{"/deconnexion", "/langue", "/sessions/toutes", pathFirst + "/pas-ma-carte"} {
		b.redirected(b.get(path), "/")
	}
}

// Names of accounts are shown as safely as those of certificates.
func TestHostileAccountNames(t *testing.T) {
	s := newSite(t)
	hostile := "Dr \u202eTEST\u200b\u0007 Testeur"
	s.account(t, "piege", hostile)
	b := s.browser(t)
	card := issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1))
	if next, _ := b.login(card); next != pathFirst {
		t.Fatal(next)
	}
	b.redirected(b.password("piege", testPassword), pathFirst+"/confirmation")
	pages := b.get(pathFirst + "/confirmation").text
	b.redirected(b.confirm(), pathAttached)
	pages += b.get(pathSpace).text
	if strings.ContainsAny(pages, "\u202e\u200b\u0007") || strings.Count(pages, "\ufffdTEST\ufffd\ufffd Testeur") < 2 {
		t.Error("shown as it is")
	}
}
