package portal

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
)

// TestStatements: what each request asks of the database, on SQLite and on PostgreSQL, with what
// begins and ends transactions. One more on the way of a login is to be seen here.
func TestStatements(t *testing.T) {
	s := newSite(t)
	s.end() // the janitor asks too
	<-s.ended
	card, unknown := issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1)), issue(t, pki().Intermediate, demopki.NewHolder("CPS", 2))
	s.browser(t).attach(card, testName)
	foreign, err := demopki.New(s.clock.now())
	if err != nil {
		t.Fatal(err)
	}
	b, strange := s.browser(t), s.browser(t)
	send := func(b *browser, c testCard) func() string {
		token := c.token(t, s.origin, b.challenge())
		return func() string { next, reason := outcome(t, b.send(token)); return next + reason }
	}
	get := func(b *browser, path string) func() string {
		return func() string { return fmt.Sprint(b.get(path).StatusCode) }
	}
	for _, c := range []struct {
		name             string
		ask              func() string
		answer           string
		sqlite, postgres uint64
	}{
		{"a visitor's challenge", get(strange, "/auth/challenge"), "200", 0, 0},
		{"a visitor's page", get(strange, "/"), "200", 0, 0},
		{"a card of nobody's authority", send(strange, issue(t, foreign.Intermediate, demopki.NewHolder("CPS", 3))), "untrusted_ca", 0, 0},
		{"a file", get(strange, "/static/portal.css"), "200", 0, 0},
		{"the first login of a browser", send(b, card), pathSpace, 3 + 5, 1 + 1},
		{"its space", get(b, pathSpace), "200", 5, 5},
		{"its next login", send(b, card), pathSpace, 3 + 1 + 6, 1 + 1 + 1},
		{"a login by an unknown card", send(s.browser(t), unknown), pathFirst, 3 + 6, 1 + 1 + 6},
	} {
		before := s.store.Statements()
		got := c.ask()
		asked, want := s.store.Statements()-before, c.sqlite
		if s.onPostgres() {
			want = c.postgres
		}
		if !strings.HasSuffix(got, c.answer) || asked != want {
			t.Errorf("%s: %q with %d statements, want %q with %d", c.name, got, asked, c.answer, want)
		}
	}
}
