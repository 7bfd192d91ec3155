package portal

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/portallab"
	"github.com/cpx-bridge/cpx-bridge/portal/auth"
)

// second starts another instance of the site on the same database.
func (s *site) second(t *testing.T) *site {
	t.Helper()
	p, err := New(t.Context(), s.settings, Options{Now: s.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	server := httptest.NewUnstartedServer(nil)
	// Both are the one site behind a balancer, which passes the browser's Host on.
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Host = strings.TrimPrefix(s.origin, "http://")
		p.Handler().ServeHTTP(w, r)
	})
	server.Start()
	t.Cleanup(server.Close)
	other := *s
	other.db = portallab.Database(t, s.settings.Database)
	other.Portal, other.origin = p, "http://"+server.Listener.Addr().String()
	return &other
}

// at sends the browser's next requests to that instance.
func (b *browser) at(s *site) *browser {
	b.t.Helper()
	copied := *b
	copied.site = s
	u, err := url.Parse(b.site.origin)
	if err != nil {
		b.t.Fatal(err)
	}
	var pairs []string
	for _, c := range b.client.Jar.Cookies(u) {
		pairs = append(pairs, c.Name+"="+c.Value)
	}
	copied.header = b.header.Clone()
	copied.header.Set("Cookie", strings.Join(pairs, "; "))
	copied.client = s.browser(b.t).client
	return &copied
}

// Any instance takes another's challenge, also after its key has changed, and no two
// take it.
func TestInstances(t *testing.T) {
	s := newSite(t)
	other := s.second(t)
	card := issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1))
	b := s.browser(t)
	token := card.token(t, s.origin, b.challenge())
	if next, reason := outcome(t, b.at(other).send(token)); next != pathFirst {
		t.Fatalf("the other instance: %q %q", next, reason)
	}
	if next, reason := outcome(t, b.send(token)); reason != "challenge_expired" {
		t.Errorf("again at the first: %q %q", next, reason)
	}
	// A key that the other instance made since, and the one before it.
	old := s.browser(t)
	token = card.token(t, s.origin, old.challenge())
	s.clock.pass(auth.KeyLife - 4*time.Minute) // the first's key is nearly as old as keys get
	before := s.browser(t)
	beforeToken := card.token(t, s.origin, before.challenge())
	s.clock.pass(4 * time.Minute)
	fresh := other.browser(t)
	freshToken := card.token(t, s.origin, fresh.challenge())
	for name, c := range map[string]struct {
		b     *browser
		token []byte
		want  string
	}{
		"a day ago":                    {old, token, "challenge_expired"},
		"with the key before":          {before, beforeToken, ""},
		"with a key that is new to it": {fresh.at(s), freshToken, ""},
	} {
		if next, reason := outcome(t, c.b.send(c.token)); reason != c.want {
			t.Errorf("%s: %q %q, want %q", name, next, reason, c.want)
		}
	}
	if n := s.rows(t)["challenge_keys"]; n != 2 {
		t.Errorf("%d keys, want one for each day", n)
	}
	s.clock.pass(2*auth.KeyLife + time.Second)
	if err := s.clean(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := s.rows(t)["challenge_keys"]; n != 0 {
		t.Errorf("%d old keys remain", n)
	}
	if next, reason := before.login(card); next != pathFirst {
		t.Errorf("with a new key: %q %q", next, reason)
	}
}

// Of all instances that get a token at the same time, one takes it.
func TestOneInstanceAccepts(t *testing.T) {
	s := newSite(t)
	sites := []*site{s, s.second(t), s.second(t)}
	card := issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1))
	for range 5 {
		b := s.browser(t)
		token := card.token(t, s.origin, b.challenge())
		var asks []*browser
		for i := range 12 {
			asks = append(asks, b.at(sites[i%len(sites)]))
		}
		answers := make([]answer, len(asks))
		var wg sync.WaitGroup
		for i, each := range asks {
			wg.Go(func() { answers[i] = each.send(token) })
		}
		wg.Wait()
		good := 0
		for _, a := range answers {
			if next, reason := outcome(t, a); next == pathFirst {
				good++
			} else if reason != "challenge_expired" {
				t.Errorf("%q %q", next, reason)
			}
		}
		if good != 1 {
			t.Errorf("%d logins with one token", good)
		}
	}
}
