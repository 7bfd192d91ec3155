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
	type port = func(*testing.T, net.Listener, *events)
	for _, c := range []struct {
		name   string
		ports  []port
		reason string
	}{
		{"first port", []port{good, absent}, ""},
		{"last port", []port{absent, absent, absent, good}, ""},
		{"silent squatter", []port{silent, absent, absent, good}, ""},
		{"mute websocket", []port{mute, good}, ""},
		{"nonsense answer", []port{says("hello %d"), good}, ""},
		{"answer without protocol", []port{says(`{"jsonrpc":"2.0","id":%d,"result":{}}`), good}, ""},
		{"forbidden", []port{refuses, good}, ""},
		{"nobody", []port{absent, absent, absent}, "no_agent"},
		{"only forbidden", []port{refuses, absent}, "no_agent"},
		{"only silence", []port{silent}, "no_agent"},
		{"only mute", []port{mute}, "no_agent"},
		{"older protocol", []port{says(`{"jsonrpc":"2.0","id":%d,"result":{"protocol":0}}`)}, "agent_too_old"},
		{"newer protocol", []port{says(`{"jsonrpc":"2.0","id":%d,"result":{"protocol":7}}`)}, "page_too_old"},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			e := newEvents()
			open(t, e, "", nil)
			first, listeners := freePorts(t, len(c.ports))
			for i, p := range c.ports {
				p(t, listeners[i], e)
			}
			got := inPage(t, `return cpx.authenticate({ports:{first:%d,count:%d}})`, first, len(c.ports))
			if c.reason == "" {
				// The agent was found: this one does not know authenticate.
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

// On a terminal server the first ports are other users': their agents close at
// accept, and the browser slows the later dials down.
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

// A page's mistake is not reported as an absent agent.
func TestBadPorts(t *testing.T) {
	open(t, newEvents(), "", nil)
	for _, ports := range []string{`{first:NaN,count:10}`, `{first:27720,count:0}`, `{first:27720,count:101}`, `{first:65535,count:2}`, `{first:-1,count:1}`, `{}`} {
		if got := inPage(t, `return cpx.status({ports:%s})`, ports); got.reason() != "invalid_params" {
			t.Errorf("%s: %s", ports, got.reason())
		}
	}
}

// The other connections are closed once an agent has answered.
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

func TestOpenSocketIsReused(t *testing.T) {
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

// A second page dials the port of the last agent before any other.
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

// The next search does not drop a pending dial for a new one. Dials are counted in
// the page, because the browser holds back a second one to the same port.
func TestPendingDialIsReused(t *testing.T) {
	e := newEvents()
	open(t, e, "", nil)
	first, l := freePorts(t, 1)
	squatOn(t, l[0], "silent", e)
	got := inPage(t, `const Real = WebSocket;
		let dials = 0;
		window.WebSocket = class extends Real { constructor(...how) { super(...how); dials++; } };
		const ports = { first: %d, count: 1 };
		const reason = (more) => cpx.status({ ports, ...more }).then(() => "found", (e) => e.reason);
		// A search dials at once: a port not dialled in this time is not dialled at all.
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

// A page on plain http from another machine cannot reach the agent.
func TestInsecureContext(t *testing.T) {
	open(t, newEvents(), "", nil) // starts the browser
	server := httptest.NewServer(portal(newEvents(), nil))
	t.Cleanup(server.Close)
	visit(t, fmt.Sprintf("http://portal.test:%d/", server.Listener.Addr().(*net.TCPAddr).Port))
	if got := inPage(t, `return cpx.status()`); got.reason() != "insecure_context" {
		t.Error(got.reason())
	}
}

// A header, or a frame without the attribute, forbids even asking.
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

// The browser's own permission, on a page that it considers public.
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
