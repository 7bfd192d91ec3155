package js

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// withToken accepts a login that has the portal's own token against requests of other sites.
func withToken(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("X-Csrf-Token") != "TEST" || r.Header.Get("Accept") != "application/json, application/problem+json" {
		problem(http.StatusForbidden, `{"reason":"csrf_failed"}`)(w, r)
		return
	}
	accepts(w, r)
}

// A portal whose endpoints want a header of its own gets it with both requests, from a script.
func TestPortalsToken(t *testing.T) {
	for name, c := range map[string]struct{ options, want string }{
		"an object":       {`{ challengeMethod: "POST", headers: { "X-CSRF-TOKEN": "TEST" } }`, `"/espace"`},
		"a function":      {`{ challengeMethod: "POST", headers: () => ({ "x-csrf-token": "TEST" }) }`, `"/espace"`},
		"not the library": {`{ challengeMethod: "POST", headers: { "X-CSRF-TOKEN": "TEST", Accept: "text/html", "Content-Type": "text/plain" } }`, `"/espace"`},
		"by GET":          {`{ headers: { "X-CSRF-TOKEN": "TEST" } }`, `"/espace"`},
		"another":         {`{ challengeMethod: "POST", headers: { "X-CSRF-TOKEN": "other" } }`, `"challenge_failed 403"`},
		"none":            {`{ challengeMethod: "POST" }`, `"challenge_failed 403"`},
		"none by GET":     {`{}`, `"login_refused 403 csrf_failed"`},
		"no header":       {`{ headers: { "a b": "TEST" } }`, `"invalid_params"`},
		"a line break":    {`{ headers: { "X-CSRF-TOKEN": "TEST\n\u00e9" } }`, `"invalid_params"`},
		"a fault":         {`{ headers: () => { throw new Error("TEST") } }`, `"invalid_params"`},
	} {
		t.Run(notInNames.ReplaceAllString(name, "_"), func(t *testing.T) {
			e := newEvents()
			port := one(t, e, signs, withToken)
			got := inPage(t, `try {
				return (await cpx.authenticate({ ...%s, loginUrl: "/auth/login", ports: { first: %d, count: 1 } })).next;
			} catch (e) {
				return [e.reason, e.code, e.detail].filter((x) => x).join(" ");
			}`, c.options, port)
			if string(got.Value) != c.want {
				t.Errorf("%s %s, want %s", got.Value, got.reason(), c.want)
			}
		})
	}
}

const tokenAttributes = `challenge-method="post" token-header="X-CSRF-TOKEN" token="TEST"`

// The elements take it from their attributes, as a server writes them into the page.
func TestPortalsTokenOfTheElements(t *testing.T) {
	e := newEvents()
	first, l := freePorts(t, 1)
	agentOn(t, l[0], "agent", e, goodStatus, signs)
	visit(t, site(t, e, withToken)+ownLogin(first, login+" "+tokenAttributes))
	inPage(t, seen)
	inPage(t, `void document.querySelector("cpx-login").login()`)
	arrived(t)
	if all := e.all(); !slices.Contains(all, "posted") || slices.Contains(all, "challenge") {
		t.Errorf("%v", all)
	}

	e = newEvents()
	first, l = freePorts(t, 1)
	agentOn(t, l[0], "agent", e, goodStatus, signs)
	selfTestPage(t, e, first, 1, trial+" "+tokenAttributes, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Csrf-Token") != "TEST" {
			t.Error("the trial login has no token")
		}
		problem(http.StatusForbidden, `{"reason":"untrusted_ca"}`)(w, r)
	})
	inPage(t, `const e = document.querySelector("cpx-selftest"); await e.test(); await e.login(); await ended();`)
	if all := e.all(); !slices.Contains(all, "posted") || !slices.Contains(all, "login") {
		t.Errorf("%v", all)
	}
}

// What the browser says to the portal of the page that posts, also where the page's policy has it
// say as little as it may: package cardlogin decides by that. In Chromium a form of such a page
// has "Origin: null", where a script's request has the origin.
func TestWhatTheBrowserSays(t *testing.T) {
	for post, origin := range map[string]string{
		`await cpx.authenticate({ loginUrl: "/auth/login", ports: { first: %d, count: 1 } })`:                                                           "http://",
		`document.body.append(Object.assign(document.createElement("form"), { method: "post", action: "/auth/login?%d" })); document.forms[0].submit()`: "null",
	} {
		e := newEvents()
		said := make(chan http.Header, 1)
		first, l := freePorts(t, 1)
		agentOn(t, l[0], "agent", e, goodStatus, signs)
		visit(t, site(t, e, func(w http.ResponseWriter, r *http.Request) {
			said <- r.Header
			fmt.Fprint(w, "{}")
		}))
		inPage(t, `document.head.append(Object.assign(document.createElement("meta"), { name: "referrer", content: "no-referrer" })); `+post, first)
		h := <-said
		if h.Get("Sec-Fetch-Site") != "same-origin" || !strings.HasPrefix(h.Get("Origin"), origin) {
			t.Errorf("%s: %v", post, h)
		}
	}
}
