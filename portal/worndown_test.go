package portal

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/portal/passwords"
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
	browsers := make([]*browser, passwords.MaxQueued+more)
	for i := range browsers {
		browsers[i] = s.browser(t)
		if next, _ := browsers[i].login(issue(t, pki().Intermediate, demopki.NewHolder("CPS", i+1))); next != pathFirst {
			t.Fatal(next)
		}
	}
	release := s.hold(t) // so that nobody's turn comes until all are there
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
	release()
	for range passwords.MaxQueued {
		browsers[0].redirected(<-answers, pathFirst+"/confirmation")
	}
	// A try that was not made does not count.
	var n int
	if err := s.db.QueryRow(`SELECT SUM(failures) FROM password_tries`).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d tries are counted, %v", n, err)
	}
}
