package portal

import (
	"errors"
	"net/http"
	"sync"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
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
	owner.redirected(owner.post("/cartes/"+ids[0]+"/detacher"), pathSpace)

	finder.redirected(finder.post("/cartes/"+ids[1]+"/detacher"), "/")
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
		b.redirected(b.post("/cartes/"+id+"/detacher"), pathLoggedOut)
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
	through := 0
	for _, a := range answers {
		if a.StatusCode == http.StatusSeeOther && a.Header.Get("Location") == pathSpace {
			through++
			continue
		}
		b.shows(a, http.StatusOK, "Votre carte est rattachée")
	}
	if through != 1 {
		t.Errorf("%d of %d confirmations went through", through, len(answers))
	}
	var n int
	if err := s.store.db.QueryRow(`SELECT COUNT(*) FROM sessions WHERE account IS NOT NULL`).Scan(&n); err != nil || n != 1 {
		t.Errorf("%d sessions of the account, %v", n, err)
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
	b.redirected(b.post(pathFirst+"/confirmation", "account", "1"), pathSpace)
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
	b.redirected(b.post(pathFirst+"/confirmation", shown(page)...), pathSpace)
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
	begun := &session{id: finder.cookie().Value, Account: 1, Card: 1}
	run := func(query string) {
		t.Helper()
		if _, err := s.store.db.Exec(query); err != nil {
			t.Fatal(err)
		}
	}
	run(`PRAGMA foreign_keys = OFF`)
	run(`UPDATE cards SET id = 100 WHERE id = 1`)
	finder.loggedOut()
	run(`UPDATE cards SET id = 1 WHERE id = 100; PRAGMA foreign_keys = ON`)

	finder.entered(lost, "Dr TEST Testeur")
	begun.id = finder.cookie().Value
	owner.redirected(owner.post("/cartes/1/detacher"), pathSpace)
	var n int
	if err := s.store.db.QueryRow(`SELECT COUNT(*) FROM sessions WHERE card = 1`).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d sessions of the card that was detached, %v", n, err)
	}
	if _, err := s.store.detach(t.Context(), begun, 2); !errors.Is(err, errNotFound) {
		t.Errorf("a detachment that had begun: %v", err)
	}
	owner.shows(owner.get(pathSpace), http.StatusOK, fresh.cert.Subject.CommonName)
}
