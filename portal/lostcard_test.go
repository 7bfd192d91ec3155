package portal

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/portal/store"
)

// A lost card that its owner detaches can do nothing more: the session that its
// finder has open ends, in whatever it was about to do.
func TestLostCard(t *testing.T) {
	s := newSite(t)
	lost, fresh := issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1)), issue(t, pki().Intermediate, demopki.NewHolder("CPS", 2))
	owner, finder := s.browser(t), s.browser(t)
	owner.attach(lost, testName)
	finder.entered(lost, "Dr TEST Testeur")
	owner.attach(fresh, testName)
	ids := cardIDs(t, owner.get(pathSpace))
	if len(ids) != 2 {
		t.Fatalf("cards %v", ids)
	}
	owner.redirected(owner.post("/cartes/"+ids[0]+"/detacher"), spaceDetached)

	finder.shows(finder.post("/cartes/"+ids[1]+"/detacher"), http.StatusForbidden, "La carte n’a pas été détachée")
	finder.loggedOut()
	owner.shows(owner.get(pathSpace), http.StatusOK, "Dr TEST Testeur", fresh.cert.Subject.CommonName)
	owner.entered(fresh, "Dr TEST Testeur")
}

// A number that a card had is never another's, so that nothing that remembers it
// means the wrong one.
func TestNoNumberTwice(t *testing.T) {
	s := newSite(t)
	b := s.browser(t)
	seen := map[string]bool{}
	for n := range 4 {
		b.attach(issue(t, pki().Intermediate, demopki.NewHolder("CPS", n+1)), testName)
		id := cardIDs(t, b.get(pathSpace))[0]
		if seen[id] {
			t.Fatalf("card %d has the number %s of one that was detached", n, id)
		}
		seen[id] = true
		b.redirected(b.post("/cartes/"+id+"/detacher"), pathDetached)
	}
}

// A pending session confirms once, however often and at the same time it is asked.
func TestConfirmsOnce(t *testing.T) {
	s := newSite(t)
	b := s.browser(t)
	if next, _ := b.login(issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1))); next != pathFirst {
		t.Fatal(next)
	}
	b.redirected(b.password(testName, testPassword), pathFirst+"/confirmation")
	fields := shown(b.get(pathFirst + "/confirmation"))
	pending := b.cookie().String()
	answers := make([]answer, 8)
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() {
			repeated := s.browser(t)
			repeated.header.Set("Cookie", pending)
			answers[i] = repeated.post(pathFirst+"/confirmation", fields...)
		})
	}
	wg.Wait()
	opened := map[string]bool{}
	for _, a := range answers { // whichever of them a browser shows
		b.redirected(a, pathAttached)
		for _, c := range a.Cookies() {
			if c.Name == s.cookieName() {
				opened[c.Value] = true
			}
		}
	}
	if len(opened) != 1 || opened[pending] {
		t.Errorf("%d sessions were opened", len(opened))
	}
	for id := range opened {
		one := s.browser(t)
		one.header.Set("Cookie", s.cookieName()+"="+id)
		one.shows(one.get(pathAttached), http.StatusOK, "Dr TEST Testeur", "Votre carte est rattachée")
	}
	var n int
	if err := s.db.QueryRow(`SELECT COUNT(*) FROM sessions WHERE account IS NOT NULL`).Scan(&n); err != nil || n != 1 {
		t.Errorf("%d sessions of the account, %v", n, err)
	}
}

// The old session leads to the one that followed it for a minute, and not once that has ended.
func TestConfirmedForAMoment(t *testing.T) {
	for name, c := range map[string]struct {
		between func(s *site, b *browser)
		through bool
		agent   string // the User-Agent of the second request
	}{
		"at once":              {func(*site, *browser) {}, true, ""},
		"from another browser": {func(*site, *browser) {}, false, "Mozilla/5.0 (Windows NT 10.0) Firefox/140.0"},
		"too late":             {func(s *site, _ *browser) { s.clock.pass(time.Minute) }, false, ""},
		"after its end":        {func(_ *site, b *browser) { b.redirected(b.mine(pathLogout), pathLoggedOut) }, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			b := s.browser(t)
			if next, _ := b.login(issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1))); next != pathFirst {
				t.Fatal(next)
			}
			b.redirected(b.password(testName, testPassword), pathFirst+"/confirmation")
			fields := shown(b.get(pathFirst + "/confirmation"))
			old := s.browser(t)
			old.header.Set("Cookie", b.cookie().String())
			if c.agent != "" {
				old.header.Set("User-Agent", c.agent)
			}
			b.redirected(b.post(pathFirst+"/confirmation", fields...), pathAttached)
			c.between(s, b)
			a := old.post(pathFirst+"/confirmation", fields...)
			if c.through {
				old.redirected(a, pathAttached)
				return
			}
			old.shows(a, http.StatusOK, "Votre carte est rattachée à votre compte. Si votre espace ne s’ouvre pas")
			if len(a.Cookies()) != 0 {
				t.Errorf("cookies %v", a.Cookies())
			}
		})
	}
}

// The second of two clicks that end a session gets the answer of the first, and no other
// request of that session does.
func TestSecondClickAfterTheEnd(t *testing.T) {
	s := newSite(t)
	card := issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1))
	for path, to := range map[string]string{"/cartes/%s/detacher": pathDetached, "/sessions/toutes": "/?session=partout"} {
		b, other := s.browser(t), s.browser(t)
		if next, _ := b.login(card); next == pathFirst {
			b.attach(card, testName)
		}
		other.entered(card, "Dr TEST Testeur")
		if strings.Contains(path, "%s") {
			path = fmt.Sprintf(path, cardIDs(t, b.get(pathSpace))[0])
		}
		fields := []string{"card", cardIDInPage.FindStringSubmatch(b.get(pathSpace).raw)[1]}
		second, third := s.browser(t), s.browser(t)
		second.header.Set("Cookie", b.cookie().String())
		third.header.Set("Cookie", other.cookie().String())
		b.redirected(b.post(path, fields...), to)
		second.redirected(second.post(path, fields...), to)
		second.loggedOut()
		third.shows(third.post(path, fields...), http.StatusForbidden, "Votre session a pris fin")
		s.clock.pass(time.Minute)
		second.shows(second.post(path, fields...), http.StatusForbidden, "Votre session a pris fin")
	}
}

// Who is logged in and goes back, or clicks once more, is led to the space.
func TestBackAfterAttaching(t *testing.T) {
	s := newSite(t)
	b := s.browser(t)
	b.attach(issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1)), testName)
	b.redirected(b.get(pathFirst), pathSpace)
	b.redirected(b.password(testName, testPassword), pathSpace)
	b.redirected(b.get(pathFirst+"/confirmation"), pathSpace)
	b.redirected(b.post(pathFirst+"/confirmation", "account", "1"), pathAttached)
	if n := len(cardIDs(t, b.get(pathSpace))); n != 1 {
		t.Errorf("%d cards", n)
	}
}

// What is attached is what the page showed: where another tab entered the password of
// another account meanwhile, the page is shown anew.
func TestConfirmsWhatItShows(t *testing.T) {
	s := newSite(t)
	s.account(t, "autre", "Mme TEST Autre")
	b := s.browser(t)
	if next, _ := b.login(issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1))); next != pathFirst {
		t.Fatal(next)
	}
	b.redirected(b.password(testName, testPassword), pathFirst+"/confirmation")
	mine := shown(b.get(pathFirst + "/confirmation"))
	b.redirected(b.password("autre", testPassword), pathFirst+"/confirmation")
	for _, fields := range [][]string{mine, mine[2:], {"account", "x", mine[2], mine[3]}} {
		b.redirected(b.post(pathFirst+"/confirmation", fields...), pathFirst+"/confirmation")
	}
	page := b.get(pathFirst + "/confirmation")
	b.shows(page, http.StatusOK, "Mme TEST Autre")
	b.redirected(b.post(pathFirst+"/confirmation", shown(page)...), pathAttached)
	b.shows(b.get(pathSpace), http.StatusOK, "Mme TEST Autre")
}

// Three things hold a lost card off, and each does so alone: the rows of its sessions go
// with it, a session without its card is none, and what a request began before that
// comes too late.
func TestLostCardIsHeldOffThrice(t *testing.T) {
	s := newSite(t)
	lost, fresh := issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1)), issue(t, pki().Intermediate, demopki.NewHolder("CPS", 2))
	owner, finder := s.browser(t), s.browser(t)
	owner.attach(lost, testName)
	finder.entered(lost, "Dr TEST Testeur")
	owner.attach(fresh, testName)
	begun := store.Session{Hash: hashOf(finder.cookie().Value), Account: 1, Card: 1}
	run := func(query string) {
		t.Helper()
		if _, err := s.db.Exec(query); err != nil {
			t.Fatal(err)
		}
	}
	off, on := `PRAGMA foreign_keys = OFF`, `PRAGMA foreign_keys = ON`
	if s.onPostgres() {
		off, on = `SET session_replication_role = replica`, `SET session_replication_role = DEFAULT`
	}
	run(off)
	run(`UPDATE cards SET id = 100 WHERE id = 1`)
	finder.loggedOut()
	run(`UPDATE cards SET id = 1 WHERE id = 100`)
	run(on)

	finder.entered(lost, "Dr TEST Testeur")
	begun.Hash = hashOf(finder.cookie().Value)
	owner.redirected(owner.post("/cartes/1/detacher"), spaceDetached)
	var n int
	if err := s.db.QueryRow(`SELECT COUNT(*) FROM sessions WHERE card = 1`).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d sessions of the card that was detached, %v", n, err)
	}
	if _, err := s.store.Detach(t.Context(), begun, 2, s.clock.now()); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a detachment that had begun: %v", err)
	}
	owner.shows(owner.get(pathSpace), http.StatusOK, fresh.cert.Subject.CommonName)
}
