package portal

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
)

// rows counts the rows of all tables.
func (s *site) rows(t *testing.T) map[string]int {
	t.Helper()
	tables := `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`
	if s.onPostgres() {
		tables = `SELECT tablename FROM pg_tables WHERE schemaname = 'public'`
	}
	list, err := s.db.Query(tables + ` ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for list.Next() {
		var name string
		if err := list.Scan(&name); err != nil {
			t.Fatal(err)
		}
		if name != "goose_db_version" {
			names = append(names, name)
		}
	}
	if err := list.Err(); err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, name := range names {
		var n int
		if err := s.db.QueryRow(`SELECT COUNT(*) FROM ` + name).Scan(&n); err != nil {
			t.Fatal(err)
		}
		counts[name] = n
	}
	return counts
}

// Whoever has no card that this site accepts leaves nothing in its database, whatever
// they send.
func TestVisitorsStoreNothing(t *testing.T) {
	s := newSite(t)
	foreign, err := demopki.New(s.clock.now())
	if err != nil {
		t.Fatal(err)
	}
	s.browser(t).challenge() // the day's first makes the key
	before := fmt.Sprint(s.rows(t))
	for range 20 {
		b := s.browser(t)
		b.header.Set("Cookie", s.cookieName()+"=somebody-elses")
		b.challenge()
		b.header.Del("Cookie")
		if next, reason := b.login(issue(t, foreign.Intermediate, demopki.NewHolder("CPS", 1))); reason != "untrusted_ca" {
			t.Fatalf("%q %q", next, reason)
		}
		b.get("/")
		b.get(pathFirst)
		b.password(testName, testPassword)
	}
	if after := fmt.Sprint(s.rows(t)); after != before {
		t.Errorf("rows before %s, after %s", before, after)
	}
}

// Each tab's challenge stays good, also when another tab logs in first, and when both
// challenges were under way at the same time.
func TestManyTabs(t *testing.T) {
	s := newSite(t)
	card := issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1))
	t.Run("one after the other", func(t *testing.T) {
		b := s.browser(t)
		var nonces []string
		for range 8 {
			nonces = append(nonces, b.challenge())
		}
		for i, nonce := range nonces {
			if next, reason := outcome(t, b.send(card.token(t, s.origin, nonce))); next != pathFirst {
				t.Errorf("tab %d: %q %q", i, next, reason)
			}
		}
	})
	t.Run("at the same time", func(t *testing.T) {
		b := s.browser(t)
		b.challenge()
		// The server gets all requests before the browser gets an answer.
		nonces := make([]string, 6)
		var wg sync.WaitGroup
		for i := range nonces {
			wg.Go(func() { nonces[i] = b.challenge() })
		}
		wg.Wait()
		for i, nonce := range nonces {
			if next, reason := outcome(t, b.send(card.token(t, s.origin, nonce))); next != pathFirst {
				t.Errorf("tab %d: %q %q", i, next, reason)
			}
		}
	})
}

// The endpoints of the page's script serve the site's own pages alone.
func TestEndpointsServeTheSiteAlone(t *testing.T) {
	s := newSite(t)
	for _, from := range []string{"cross-site", "same-site", "none", "same-origin, cross-site", "Same-Origin", ""} {
		b := s.browser(t)
		b.header["Sec-Fetch-Site"] = []string{from}
		for method, path := range map[string]string{"GET": "/auth/challenge", "POST": "/auth/login"} {
			a := b.do(method, path, "application/json", strings.NewReader(`{"auth-token":{}}`))
			if _, reason := outcome(t, a); a.StatusCode != http.StatusForbidden || reason != "cross_origin" || a.Header.Get("Set-Cookie") != "" {
				t.Errorf("%s %s from %q: %d %s", method, path, from, a.StatusCode, a.raw)
			}
		}
	}
	b := s.browser(t)
	b.header.Set("Sec-Fetch-Site", "same-origin")
	if next, reason := b.login(issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1))); next != pathFirst {
		t.Errorf("the site's own page: %q %q", next, reason)
	}
}

// A Host that is not the site's is told where the site is, and gets nothing else.
func TestUnknownHost(t *testing.T) {
	s := newSite(t)
	for _, host := range []string{"evil.example", "localhost", "127.0.0.1.evil.example", "127.0.0.1.:80", "[::1]", "10.0.0.1"} {
		for _, path := range []string{"/", "/auth/challenge", pathSpace, "/static/portal.css"} {
			request, err := http.NewRequestWithContext(t.Context(), "GET", s.origin+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Host = host
			request.Header.Set("X-Forwarded-Host", strings.TrimPrefix(s.origin, "http://"))
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if response.StatusCode != http.StatusMisdirectedRequest || response.Header.Get("Set-Cookie") != "" {
				t.Errorf("%s with Host %s: %d", path, host, response.StatusCode)
			}
		}
	}
}
