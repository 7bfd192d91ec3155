package js

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/stack/browser"
)

// One Firefox serves the tests that name it.
var (
	firefoxOnce sync.Once
	firefox     *browser.Firefox
	firefoxErr  error
)

// fox opens an address in Firefox.
func fox(t *testing.T, address string) {
	t.Helper()
	starting.Do(func() { tabErr = startBrowser() }) // brings the public site
	if tabErr != nil {
		t.Fatal(tabErr)
	}
	firefoxOnce.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 3*patience)
		defer cancel()
		firefox, firefoxErr = browser.StartFirefox(ctx, browser.Options{
			Home: home, Origin: publicSite, CAFile: filepath.Join(home, "ca.pem"), Public: true, Lang: "fr",
		}, nil)
	})
	if firefoxErr != nil {
		t.Fatalf("%v\n(these tests need a real Firefox: apt-get install firefox-esr)", firefoxErr)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	if err := firefox.Navigate(ctx, address); err != nil {
		t.Fatal(err)
	}
}

// inFox is inPage for Firefox, of what gives no value: the reason of the
// failure, or "found".
func inFox(t *testing.T, body string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	var reason string
	if err := firefox.Evaluate(ctx, `try { `+body+`; return "found"; } catch (e) { return e.reason ?? String(e); }`, &reason); err != nil {
		t.Fatal(err)
	}
	return reason
}

func search(first, count int) string {
	return fmt.Sprintf(`await window.cpx.status({ ports: { first: %d, count: %d } })`, first, count)
}

func TestFirefoxFinds(t *testing.T) {
	silent := func(t *testing.T, l net.Listener, e *events) { squatOn(t, l, "other", e) }
	foreign := func(_ *testing.T, l net.Listener, _ *events) { closeOn(l) }
	absent := func(_ *testing.T, l net.Listener, _ *events) { l.Close() }
	good := func(t *testing.T, l net.Listener, e *events) { agentOn(t, l, "agent", e, goodStatus, none) }
	nonsense := func(t *testing.T, l net.Listener, e *events) { agentOn(t, l, "other", e, "hello %d", none) }
	for _, c := range []struct {
		name   string
		places []func(*testing.T, net.Listener, *events)
		want   string
	}{
		{"fourth port", []func(*testing.T, net.Listener, *events){foreign, silent, nonsense, good}, "found"},
		{"nobody", []func(*testing.T, net.Listener, *events){absent, foreign, absent}, "no_agent"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEvents()
			fox(t, site(t, e, nil))
			first, l := freePorts(t, len(c.places))
			for i, p := range c.places {
				p(t, l[i], e)
			}
			if got := inFox(t, search(first, len(c.places))); got != c.want {
				t.Errorf("%s, want %s (%v)", got, c.want, e.all())
			}
		})
	}
}

// Firefox slows repeated dials down: the agent is found all the same.
func TestFirefoxFindsAfterFourSearches(t *testing.T) {
	e := newEvents()
	fox(t, site(t, e, nil))
	first, l := freePorts(t, 10)
	address := l[3].Addr().String()
	for _, l := range l {
		l.Close()
	}
	for range 4 {
		if got := inFox(t, search(first, 10)); got != "no_agent" {
			t.Fatal(got)
		}
	}
	agent, err := net.Listen("tcp4", address)
	if err != nil {
		t.Fatal(err)
	}
	agentOn(t, agent, "agent", e, goodStatus, none)
	if got := inFox(t, search(first, 10)); got != "found" {
		t.Error(got)
	}
}

// Firefox's constructor throws where the page's policy forbids the socket.
func TestFirefoxContentSecurityPolicy(t *testing.T) {
	e := newEvents()
	fox(t, site(t, e, nil)+"?csp=connect-src+%27self%27")
	first, l := freePorts(t, 1)
	agentOn(t, l[0], "agent", e, goodStatus, none)
	if got := inFox(t, search(first, 1)); got != "csp_blocked" {
		t.Error(got)
	}
}

// On https, as a public site, from the click to the portal's answer.
func TestFirefoxLogin(t *testing.T) {
	e := newEvents()
	fox(t, publicSite+"/")
	first, l := freePorts(t, 1)
	agentOn(t, l[0], "agent", e, goodStatus, signs)
	if got := inFox(t, strings.Replace(search(first, 1), "cpx.status({", `cpx.authenticate({ nonce: "x".repeat(44),`, 1)); got != "found" {
		t.Errorf("%s (%v)", got, e.all())
	}
	if !slices.Contains(e.all(), "agent authenticate") {
		t.Error(e.all())
	}
}
