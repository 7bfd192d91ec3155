package js

import (
	"crypto/tls"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/browser"
)

// asSafari makes the page believe that it is in Safari, and blocks plain sockets
// as Safari does. All else is real, sockets and TLS too; Safari itself is checked
// by hand.
const asSafari = `
	Object.defineProperty(navigator, "vendor", { value: "Apple Computer, Inc.", configurable: true });
	const Real = WebSocket;
	window.WebSocket = class extends Real {
		constructor(url, ...more) {
			if (url.startsWith("ws:")) throw new DOMException("insecure", "SecurityError");
			super(url, ...more);
		}
	};`

// encrypted is an agent on the second of two ports for wss://localhost.
func encrypted(t *testing.T, e *events, reply answer) (first int) {
	t.Helper()
	open(t, e, "", nil) // starts the browser and, with it, the public site
	setPublic(t, browser.PermissionSettingGranted)
	visit(t, publicSite+"/")
	first, l := freePorts(t, 2)
	l[0].Close()
	agentOn(t, tls.NewListener(l[1], public.TLS), "agent", e, goodStatus, reply)
	return first
}

const both = `{ ports: { first: %[2]d, count: 1 }, wss: { first: %[1]d, count: 2 }, nonce: "n".repeat(44) }`

// A page on https reaches no plain socket in Safari: the encrypted one is found.
func TestSafariFindsTheEncryptedSocket(t *testing.T) {
	e := newEvents()
	first := encrypted(t, e, signs)
	got := inPage(t, asSafari+`return (await cpx.authenticate(`+both+`)).format + " " + localStorage["cpx-bridge.last"].split(":")[0]`, first, first)
	if string(got.Value) != `"web-eid:1.0 wss"` {
		t.Errorf("%s %s %v", got.Value, got.reason(), e.all())
	}
	// So does the element, by its attributes.
	visit(t, site(t, e, accepts)+"?body="+url.QueryEscape(`<cpx-login></cpx-login>`))
	inPage(t, asSafari+seen+`
		const b = document.querySelector("cpx-login");
		for (const [name, value] of Object.entries({ "wss-first": %d, "wss-count": 2, "ports-first": %[1]d, "ports-count": 1 })) b.setAttribute(name, value);`, first)
	click(t, "button")
	if got := awaitState(t, "done"); !strings.Contains(got, "cpx-success web-eid:1.0") {
		t.Error(got)
	}
}

// Other browsers do not search it: a person without an agent need not wait twice.
func TestOthersDialNoEncryptedSocket(t *testing.T) {
	e := newEvents()
	first := encrypted(t, e, signs)
	if got := inPage(t, `return cpx.authenticate(`+both+`)`, first, first); got.reason() != "no_agent" || got.Error.Detail == "safari" {
		t.Errorf("%s %+v", got.reason(), got.Error)
	}
	if slices.Contains(e.all(), "agent dialled") {
		t.Error(e.all())
	}
}

// Safari's own block is not reported as the page's policy, and the person reads
// what Safari needs; a block by the page's policy is reported as such.
func TestSafariWithoutTheSocket(t *testing.T) {
	for policy, want := range map[string]string{"": "no_agent safari", "connect-src 'self' ws://127.0.0.1:*": "csp_blocked safari"} {
		open(t, newEvents(), "?csp="+url.QueryEscape(policy), nil)
		port, l := freePorts(t, 1)
		l[0].Close()
		got := inPage(t, asSafari+`return cpx.status({ ports: { first: %d, count: 1 }, wss: { first: %[1]d, count: 1 } })`, port)
		if got.Error == nil || got.Error.Reason+" "+got.Error.Detail != want {
			t.Errorf("%q: %s, want %s", policy, got.reason(), want)
		}
	}
}
