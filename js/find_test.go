package js

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
)

func none(send func(string, ...any), r request) {
	send(`{"jsonrpc":"2.0","id":%d,"error":{"code":-32601,"message":"method not found"}}`, r.ID)
}

func TestFind(t *testing.T) {
	silent := func(t *testing.T, l net.Listener, e *events) { squatOn(t, l, "other", e) }
	mute := func(t *testing.T, l net.Listener, e *events) { agentOn(t, l, "other", e, "", none) }
	says := func(status string) func(*testing.T, net.Listener, *events) {
		return func(t *testing.T, l net.Listener, e *events) { agentOn(t, l, "other", e, status, none) }
	}
	refuses := func(t *testing.T, l net.Listener, _ *events) {
		serve(t, l, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "", http.StatusForbidden) })
	}
	absent := func(_ *testing.T, l net.Listener, _ *events) { l.Close() }
	good := func(t *testing.T, l net.Listener, e *events) { agentOn(t, l, "agent", e, goodStatus, none) }
	type place = func(*testing.T, net.Listener, *events)
	for _, c := range []struct {
		name   string
		places []place
		reason string
	}{
		{"first port", []place{good, absent}, ""},
		{"last port", []place{absent, absent, absent, good}, ""},
		{"silent squatter", []place{silent, absent, absent, good}, ""},
		{"mute websocket", []place{mute, good}, ""},
		{"nonsense answer", []place{says("hello %d"), good}, ""},
		{"answer without protocol", []place{says(`{"jsonrpc":"2.0","id":%d,"result":{}}`), good}, ""},
		{"forbidden", []place{refuses, good}, ""},
		{"nobody", []place{absent, absent, absent}, "no_agent"},
		{"only forbidden", []place{refuses, absent}, "no_agent"},
		{"only silence", []place{silent}, "no_agent"},
		{"only mute", []place{mute}, "no_agent"},
		{"older protocol", []place{says(`{"jsonrpc":"2.0","id":%d,"result":{"protocol":0}}`)}, "agent_too_old"},
		{"newer protocol", []place{says(`{"jsonrpc":"2.0","id":%d,"result":{"protocol":7}}`)}, "page_too_old"},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			e := newEvents()
			open(t, e, "", nil)
			first, listeners := freePorts(t, len(c.places))
			for i, p := range c.places {
				p(t, listeners[i], e)
			}
			got := inPage(t, `return cpx.authenticate({ports:{first:%d,count:%d}})`, first, len(c.places))
			if c.reason == "" {
				// The agent was found: it knows no authenticate.
				if got.reason() != "agent_too_old" || !slices.Contains(e.all(), "agent authenticate") {
					t.Fatalf("not found: %s, %v", got.reason(), e.all())
				}
				return
			}
			if got.reason() != c.reason {
				t.Fatalf("reason %s, want %s", got.reason(), c.reason)
			}
			if slices.Contains(e.all(), "challenge") {
				t.Error("a challenge was fetched without an agent")
			}
		})
	}
}

// On a terminal server the first ports are other people's: their agents close
// at accept, and the browser slows the later dials down.
func TestBehindThirtyForeignAgents(t *testing.T) {
	e := newEvents()
	open(t, e, "", nil)
	first, l := freePorts(t, 31)
	for _, foreign := range l[:30] {
		closeOn(foreign)
	}
	agentOn(t, l[30], "agent", e, goodStatus, none)
	if got := inPage(t, `return cpx.status({ports:{first:%d,count:31}})`, first); got.Error != nil {
		t.Fatal(got.reason())
	}
}

// A page's mistake is no absent agent.
func TestBadPorts(t *testing.T) {
	open(t, newEvents(), "", nil)
	for _, ports := range []string{`{first:NaN,count:10}`, `{first:27720,count:0}`, `{first:27720,count:101}`, `{first:65535,count:2}`, `{first:-1,count:1}`, `{}`} {
		if got := inPage(t, `return cpx.status({ports:%s})`, ports); got.reason() != "invalid_params" {
			t.Errorf("%s: %s", ports, got.reason())
		}
	}
}

// The rest are closed once an agent has answered.
func TestOthersAreClosed(t *testing.T) {
	e := newEvents()
	open(t, e, "", nil)
	first, l := freePorts(t, 2)
	agentOn(t, l[0], "mute", e, "", none)
	agentOn(t, l[1], "agent", e, goodStatus, none)
	if got := inPage(t, `return cpx.status({ports:{first:%d,count:2}})`, first); got.Error != nil {
		t.Fatal(got.reason())
	}
	e.await(t, "mute closed")
}

func TestOpenSocketIsUsedAgain(t *testing.T) {
	e := newEvents()
	open(t, e, "", nil)
	first, l := freePorts(t, 1)
	agentOn(t, l[0], "agent", e, goodStatus, none)
	got := inPage(t, `const ports={first:%d,count:1};
		await Promise.all([cpx.status({ports}), cpx.status({ports})]);
		return cpx.status({ports})`, first)
	if got.Error != nil {
		t.Fatal(got.reason())
	}
	var dialled int
	for _, x := range e.all() {
		if x == "agent dialled" {
			dialled++
		}
	}
	if dialled != 1 {
		t.Errorf("%d dials, want one: %v", dialled, e.all())
	}
}

// A second page dials the port that was good before any other.
func TestLastGoodPortFirst(t *testing.T) {
	e := newEvents()
	open(t, e, "", nil)
	first, l := freePorts(t, 3)
	for _, x := range l[:2] {
		agentOn(t, x, "other", e, "", none)
	}
	agentOn(t, l[2], "agent", e, goodStatus, none)
	const search = `return cpx.status({ports:{first:%d,count:3}})`
	if got := inPage(t, search, first); got.Error != nil {
		t.Fatal(got.reason())
	}
	if all := e.all(); all[0] != "other dialled" {
		t.Fatalf("the first search began elsewhere: %v", all)
	}
	e.await(t, "agent status")
	before := len(e.all())
	if err := chromedp.Do(tab, chromedp.Reload()); err != nil {
		t.Fatal(err)
	}
	if got := inPage(t, search, first); got.Error != nil {
		t.Fatal(got.reason())
	}
	dials := slices.DeleteFunc(e.all()[before:], func(s string) bool { return !strings.HasSuffix(s, "dialled") })
	if len(dials) == 0 || dials[0] != "agent dialled" {
		t.Errorf("the second search dialled %v", dials)
	}
}

// A dial that waits is not dropped for a new one by the next search. They are
// counted in the page: the browser holds a second one to the same port back.
func TestWaitingDialIsTakenUp(t *testing.T) {
	e := newEvents()
	open(t, e, "", nil)
	first, l := freePorts(t, 1)
	squatOn(t, l[0], "silent", e)
	got := inPage(t, `const Real = WebSocket;
		let dials = 0;
		window.WebSocket = class extends Real { constructor(...how) { super(...how); dials++; } };
		const ports = { first: %d, count: 1 };
		const reason = (more) => cpx.status({ ports, ...more }).then(() => "found", (e) => e.reason);
		// A search dials at once: what it has not dialled in this time it will not.
		return [await reason(), await reason({ signal: AbortSignal.timeout(1000) }), dials]`, first)
	if string(got.Value) != `["no_agent","aborted",1]` {
		t.Errorf("%s %s", got.Value, got.reason())
	}
}

func TestContentSecurityPolicy(t *testing.T) {
	e := newEvents()
	open(t, e, "?csp=connect-src+%27self%27", nil)
	first, l := freePorts(t, 1)
	agentOn(t, l[0], "agent", e, goodStatus, none)
	if got := inPage(t, `return cpx.status({ports:{first:%d,count:1}})`, first); got.reason() != "csp_blocked" {
		t.Error(got.reason())
	}
}

// A page on plain http, away from this machine, has no way to the agent.
func TestInsecureContext(t *testing.T) {
	open(t, newEvents(), "", nil) // starts the browser
	server := httptest.NewServer(portal(newEvents(), nil))
	t.Cleanup(server.Close)
	visit(t, fmt.Sprintf("http://portal.test:%d/", server.Listener.Addr().(*net.TCPAddr).Port))
	if got := inPage(t, `return cpx.status()`); got.reason() != "insecure_context" {
		t.Error(got.reason())
	}
}

// A header, or a frame without the attribute, forbids even to ask.
func TestPermissionsPolicy(t *testing.T) {
	e := newEvents()
	open(t, e, "", nil)
	first, l := freePorts(t, 1)
	agentOn(t, l[0], "agent", e, goodStatus, none)
	setPublic(t, browser.PermissionSettingPrompt)
	visit(t, publicSite+"/?policy="+url.QueryEscape("loopback-network=()"))
	if got := inPage(t, `return cpx.status({ports:{first:%d,count:1}})`, first); got.reason() != "policy_blocked" || got.Error.Detail != "" {
		t.Errorf("header: %s %+v", got.reason(), got.Error)
	}
	open(t, e, "", nil)
	got := inPage(t, `
		const frame = document.createElement("iframe");
		frame.src = %q;
		const loaded = new Promise((r) => frame.onload = r);
		document.body.append(frame);
		await loaded;
		return new Promise((answer) => {
			addEventListener("message", (e) => answer(e.data.reason + " " + e.data.detail));
			frame.contentWindow.postMessage({ ports: { first: %d, count: 1 } }, "*");
		})`, publicSite+"/", first)
	if string(got.Value) != `"policy_blocked frame"` {
		t.Errorf("frame: %s %s", got.Value, got.reason())
	}
	if slices.Contains(e.all(), "agent dialled") {
		t.Error("the agent was reached")
	}
}

// The browser's own permission, on a page that it takes for a public one.
func TestPermission(t *testing.T) {
	e := newEvents()
	open(t, e, "", nil) // starts the browser and, with it, the public site
	first, l := freePorts(t, 1)
	agentOn(t, l[0], "agent", e, goodStatus, none)
	const search = `return cpx.status({ports:{first:%d,count:1}})`
	setPublic(t, browser.PermissionSettingDenied)
	visit(t, publicSite+"/")
	if got := inPage(t, search, first); got.reason() != "permission_denied" {
		t.Errorf("denied: %s", got.reason())
	}
	setPublic(t, browser.PermissionSettingGranted)
	got := inPage(t, search, first)
	var status struct{ Protocol int }
	if err := json.Unmarshal(got.Value, &status); err != nil || status.Protocol != 1 {
		t.Errorf("granted: %s", got.reason())
	}
}
