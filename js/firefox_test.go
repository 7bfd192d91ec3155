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

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack/browser"
)

// One Firefox serves all tests that use it.
var (
	firefoxOnce sync.Once
	firefox     *browser.Firefox
	firefoxErr  error
)

// fox opens an address in Firefox; a path is on the public site.
func fox(t *testing.T, address string) {
	t.Helper()
	starting.Do(func() { tabErr = startBrowser() }) // starts the public site too
	if tabErr != nil {
		t.Fatal(tabErr)
	}
	firefoxOnce.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 9*patience)
		defer cancel()
		firefox, firefoxErr = browser.StartFirefox(ctx, browser.Options{
			Home: home, Origin: publicSite, CAFile: filepath.Join(home, "ca.pem"), Public: true, Lang: "fr",
		}, nil)
	})
	if firefoxErr != nil {
		t.Fatalf("%v\n(these tests need a real Firefox: apt-get install firefox-esr)", firefoxErr)
	}
	if strings.HasPrefix(address, "/") {
		address = publicSite + address
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	if err := firefox.Navigate(ctx, address); err != nil {
		t.Fatal(err)
	}
}

// inFox is inPage for Firefox and scripts without a value: it returns the reason of
// the failure, or "found".
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
		name  string
		ports []func(*testing.T, net.Listener, *events)
		want  string
	}{
		{"fourth port", []func(*testing.T, net.Listener, *events){foreign, silent, nonsense, good}, "found"},
		{"nobody", []func(*testing.T, net.Listener, *events){absent, foreign, absent}, "no_agent"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEvents()
			fox(t, site(t, e, nil))
			first, l := freePorts(t, len(c.ports))
			for i, p := range c.ports {
				p(t, l[i], e)
			}
			// A page's first search ends after 3 s, of which the silent port takes
			// 2; later searches last longer.
			gone, none := freePorts(t, 1)
			none[0].Close()
			inFox(t, search(gone, 1))
			if got := inFox(t, search(first, len(c.ports))); got != c.want {
				t.Errorf("%s, want %s (%v)", got, c.want, e.all())
			}
		})
	}
}

// Firefox slows repeated dials down: the agent is found nevertheless.
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

// A login on https, on a public site, from the click to the portal's answer.
func TestFirefoxLogin(t *testing.T) {
	e := newEvents()
	fox(t, "/")
	first, l := freePorts(t, 1)
	agentOn(t, l[0], "agent", e, goodStatus, signs)
	if got := inFox(t, strings.Replace(search(first, 1), "cpx.status({", `cpx.authenticate({ nonce: "x".repeat(44),`, 1)); got != "found" {
		t.Errorf("%s (%v)", got, e.all())
	}
	if !slices.Contains(e.all(), "agent authenticate") {
		t.Error(e.all())
	}
}

// askAbout begins a search in Firefox, which sets window.outcome.
func askAbout(t *testing.T, first, count int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	script := fmt.Sprintf(`window.seen = [];
		const options = { ports: { first: %d, count: %d }, onProgress: (s) => seen.push(s) };
		window.outcome = cpx.status(options).then(() => seen.push("found"), (e) => seen.push(e.reason)).then(() => seen.join(" "))`, first, count)
	if err := firefox.Evaluate(ctx, script, nil); err != nil {
		t.Fatal(err)
	}
}

// inFirefox runs a script in the browser itself, not in a page.
func inFirefox(t *testing.T, script string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := firefox.InBrowser(ctx, script, nil); err != nil {
		t.Fatal(err)
	}
}

// asFirefox makes it behave as that release, and identify as it.
func asFirefox(t *testing.T, release int, asks bool) {
	t.Helper()
	fox(t, "/")
	inFirefox(t, fmt.Sprintf(`Services.prefs.setBoolPref("network.lna.websocket.enabled", %t);
		Services.prefs.setStringPref("general.useragent.override", "Mozilla/5.0 (X11; Linux x86_64; rv:%d.0) Gecko/20100101 Firefox/%[2]d.0");`, asks, release))
	t.Cleanup(func() {
		_ = firefox.InBrowser(context.Background(), `Services.prefs.clearUserPref("network.lna.websocket.enabled");
			Services.prefs.clearUserPref("general.useragent.override");`, nil)
	})
	fox(t, "/")
}

// Before release 154 Firefox asks nothing, though the permission says "prompt": the
// page does not announce a question that does not come.
func TestFirefoxThatDoesNotAsk(t *testing.T) {
	asFirefox(t, 153, false)
	first, l := freePorts(t, 1)
	agentOn(t, l[0], "agent", newEvents(), goodStatus, none)
	askAbout(t, first, 1)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var got string
	if err := firefox.Evaluate(ctx, "return window.outcome", &got); err != nil || got != "searching found" {
		t.Errorf("%q: %v", got, err)
	}
}

// Firefox asks from release 154 on. An older one asks where a setting says so, and
// identifies as 154 here. The question and its buttons are real.
func TestFirefoxAsks(t *testing.T) {
	asFirefox(t, 154, true)
	for _, c := range []struct{ button, want string }{
		{"secondaryButton", "searching permission-prompt waiting-for-permission searching permission_denied"},
		{"button", "searching permission-prompt waiting-for-permission searching found"},
	} {
		t.Run(c.button, func(t *testing.T) {
			fox(t, "/")
			e := newEvents()
			first, l := freePorts(t, 2)
			l[0].Close()
			agentOn(t, l[1], "agent", e, goodStatus, none)
			askAbout(t, first, 2)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if err := firefox.Evaluate(ctx, `while (!seen.includes("waiting-for-permission")) await new Promise((r) => setTimeout(r, 20))`, nil); err != nil {
				t.Fatal(err)
			}
			inFirefox(t, fmt.Sprintf(`const w = Services.wm.getMostRecentWindow("navigator:browser");
				const { panel } = w.PopupNotifications;
				while (panel.state !== "open" || panel.firstElementChild?.id !== "loopback-network-notification") await new Promise((r) => w.setTimeout(r, 20));
				panel.firstElementChild.%s.click();`, c.button))
			var got string
			err := firefox.Evaluate(ctx, "return window.outcome", &got)
			// A slow machine's click may come after that too.
			got = strings.Replace(got, overdue, "", 1)
			if err != nil || got != c.want {
				t.Errorf("%q, want %q: %v", got, c.want, err)
			}
			forgetsAnswer(t)
		})
	}
}

// forgetsAnswer takes back what was answered in the tab, a yes as well as a no: the tests share
// it, and the next one is to be asked.
func forgetsAnswer(t *testing.T) {
	t.Helper()
	inFirefox(t, `const w = Services.wm.getMostRecentWindow("navigator:browser");
		const browser = w.gBrowser.selectedBrowser;
		w.SitePermissions.removeFromPrincipal(browser.contentPrincipal, "loopback-network", browser);`)
}

// As on a terminal server, where other users' agents hold the first ports.
func TestFirefoxBehindThirtyForeignAgents(t *testing.T) {
	e := newEvents()
	fox(t, site(t, e, nil))
	first, l := freePorts(t, 31)
	for _, foreign := range l[:30] {
		closeOn(foreign)
	}
	agentOn(t, l[30], "agent", e, goodStatus, none)
	if got := inFox(t, search(first, 31)); got != "found" {
		t.Errorf("%s (%v)", got, e.all())
	}
}
