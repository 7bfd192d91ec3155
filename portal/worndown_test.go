package portal

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
)

// One card that guesses passwords keeps nobody else out, also behind the one address
// of a whole hospital.
func TestOneCardShutsNobodyOut(t *testing.T) {
	s := newSite(t)
	guesser := s.browser(t)
	if next, _ := guesser.login(issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1))); next != pathFirst {
		t.Fatal(next)
	}
	refused := 0
	for i := range 650 {
		if i%100 == 0 { // the pending card lasts five minutes
			guesser.login(issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1)))
		}
		name := fmt.Sprint("person", i)
		if i%2 == 0 {
			name = testName
		}
		if guesser.password(name, "TEST autre mot de passe").StatusCode == http.StatusTooManyRequests {
			refused++
		}
		s.clock.pass(100 * time.Millisecond)
	}
	if refused < 500 {
		t.Errorf("only %d of 650 guesses by one card had to wait", refused)
	}
	b := s.browser(t)
	if next, _ := b.login(issue(t, pki().Intermediate, demopki.NewHolder("CPS", 2))); next != pathFirst {
		t.Fatal(next)
	}
	b.redirected(b.password(testName, testPassword), pathFirst+"/confirmation")
}

// A flood of passwords waits in a short line; who finds it full is told when to come
// back, and that the password was not checked.
func TestPasswordFlood(t *testing.T) {
	s := newSite(t)
	const more = 10
	browsers := make([]*browser, maxHashing+maxLine+more)
	for i := range browsers {
		browsers[i] = s.browser(t)
		if next, _ := browsers[i].login(issue(t, pki().Intermediate, demopki.NewHolder("CPS", i+1))); next != pathFirst {
			t.Fatal(next)
		}
	}
	for range maxHashing { // so that nobody's turn comes until all are there
		s.hashing.running <- struct{}{}
	}
	answers := make(chan answer)
	for _, b := range browsers {
		go func() { answers <- b.password(testName, testPassword) }()
	}
	for range more {
		a := <-answers
		browsers[0].shows(a, http.StatusServiceUnavailable, "Votre mot de passe n’a pas été vérifié")
		if a.Header.Get("Retry-After") != "5" || !strings.Contains(a.raw, testName) {
			t.Errorf("Retry-After %q, or the name is to be typed again", a.Header.Get("Retry-After"))
		}
	}
	if n := strings.Count(s.log.String(), "reason=line_full"); n != more {
		t.Errorf("%d of the log's lines say so", n)
	}
	for range maxHashing {
		<-s.hashing.running
	}
	for range maxHashing + maxLine {
		browsers[0].redirected(<-answers, pathFirst+"/confirmation")
	}
	// A try that was not made does not count.
	var n int
	if err := s.store.db.QueryRow(`SELECT SUM(failures) FROM password_tries`).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d tries are counted, %v", n, err)
	}
}

// A browser that leaves the line makes room.
func TestLeavesTheLine(t *testing.T) {
	h := newHashing()
	for range maxHashing {
		h.running <- struct{}{}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for range 2 * (maxHashing + maxLine) {
		if _, err := h.check(gone, decoy, "x"); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
}
