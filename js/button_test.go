package js

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack/browser"
)

// strict is the strictest policy under which the element works.
const strict = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self' ws://127.0.0.1:*; " +
	"base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// seen records the element's events, and what the policy forbids.
const seen = `
	window.told = [];
	for (const name of ["cpx-progress", "cpx-success", "cpx-error"])
		addEventListener(name, (e) => told.push(name + " " + (e.detail.state ?? e.detail.reason ?? e.detail.next ?? e.detail.format)));
	document.addEventListener("securitypolicyviolation", (e) => told.push("violation " + e.violatedDirective));
	await import("/static/button.mjs");`

// element shows a page with the element, which has these attributes and content.
func element(t *testing.T, e *events, port int, attributes, content string) {
	t.Helper()
	visit(t, site(t, e, accepts)+ownLogin(port, attributes, content))
	inPage(t, seen)
}

// ownLogin is a page with the element, on which the browser asks nobody anything.
func ownLogin(port int, attributes string, content ...string) (query string) {
	body := fmt.Sprintf(`<p><a href="#" id="before">avant</a></p><cpx-login ports-first="%d" ports-count="1" %s>%s</cpx-login>`, port, attributes, strings.Join(content, ""))
	return "?csp=" + url.QueryEscape(strict) + "&body=" + url.QueryEscape(body)
}

const login = `challenge-url="/auth/challenge" login-url="/auth/login"`

// awaitState waits for the element's state and returns all events so far.
func awaitState(t *testing.T, state string) string {
	t.Helper()
	if err := browser.Within(tab, patience, browser.Visible("cpx-login[state="+state+"]")); err != nil {
		t.Fatalf("%v: %s", err, inPage(t, "return told").Value)
	}
	seen := string(inPage(t, "return told").Value)
	if strings.Contains(seen, "violation") {
		t.Errorf("the page's policy was violated: %s", seen)
	}
	return seen
}

// inside is the text of the element's part, once it has any.
func inside(t *testing.T, part string) string {
	t.Helper()
	got := inPage(t, `for (;;) {
		const text = document.querySelector("cpx-login").shadowRoot.querySelector("[part=%s]")?.innerText;
		if (text) return text;
		await new Promise((r) => setTimeout(r, 10));
	}`, part)
	var text string
	if err := json.Unmarshal(got.Value, &text); err != nil {
		t.Fatal(err, got.reason())
	}
	return text
}

// arrived waits for the page that the portal led to.
func arrived(t *testing.T) {
	t.Helper()
	if err := browser.Within(tab, patience, browser.Visible("#arrived")); err != nil {
		t.Fatal(err)
	}
}

// press presses a key as a person does.
func press(t *testing.T, key string) {
	t.Helper()
	if err := browser.Within(tab, patience, chromedp.KeyEvent(key)); err != nil {
		t.Fatal(err)
	}
}

// withAgent is a port with an agent that answers with reply.
func withAgent(t *testing.T, e *events, reply answer) int {
	t.Helper()
	port, l := freePorts(t, 1)
	agentOn(t, l[0], "agent", e, goodStatus, reply)
	return port
}

// From the keyboard's focus to the portal's page, under a strict policy.
func TestButtonLogsIn(t *testing.T) {
	e := newEvents()
	element(t, e, withAgent(t, e, signs), login, "")
	inPage(t, `document.getElementById("before").focus()`)
	press(t, "\t")
	press(t, "\r")
	e.await(t, "login")
	arrived(t)
}

// Without a portal's address the page gets the token.
func TestButtonHandsOverTheToken(t *testing.T) {
	e := newEvents()
	element(t, e, withAgent(t, e, signs), "", "")
	click(t, "button")
	// A slow machine's agent may be silent for a while.
	got := strings.Replace(awaitState(t, "done"), `"cpx-progress waiting-for-agent",`, "", 1)
	want := `["cpx-progress searching","cpx-progress waiting-for-consent","cpx-progress choosing-certificate","cpx-progress waiting-for-pin","cpx-progress signing","cpx-progress done","cpx-success web-eid:1.0"]`
	if got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// The portal's "next" leads within the portal only.
func TestButtonFollowsWithin(t *testing.T) {
	for next, follows := range map[string]bool{"https://autre.test/": false, "javascript:told.push('bad')": false, "//autre.test/": false, "/espace?a": true} {
		t.Run(next, func(t *testing.T) {
			e := newEvents()
			element(t, e, withAgent(t, e, signs), "", "")
			// The portal's answer is under test, so the page makes one up.
			inPage(t, `window.fetch = async () => new Response(JSON.stringify({ next: %q, nonce: "x".repeat(44) }));
				document.querySelector("cpx-login").setAttribute("login-url", "/auth/login")`, next)
			click(t, "button")
			if follows {
				arrived(t)
				return
			}
			if got := awaitState(t, "done"); !strings.Contains(got, "cpx-success") || strings.Contains(got, `"bad"`) {
				t.Error(got)
			}
			if got := inPage(t, `return location.pathname`); string(got.Value) != `"/"` {
				t.Errorf("went to %s", got.Value)
			}
		})
	}
}

// A site's own button, in a form, in the element's slot for it.
func TestButtonOfTheSite(t *testing.T) {
	e := newEvents()
	element(t, e, withAgent(t, e, none), login, `<button slot="button" id="own">À moi</button>`)
	inPage(t, `const f = document.createElement("form"), b = document.querySelector("cpx-login"); b.replaceWith(f); f.append(b); f.onsubmit = () => told.push("submitted")`)
	if err := browser.Within(tab, patience, browser.Click("#own")); err != nil {
		t.Fatal(err)
	}
	if got := awaitState(t, "error"); !strings.Contains(got, "cpx-error agent_too_old") || strings.Contains(got, "submitted") {
		t.Error(got)
	}
	if got := inPage(t, `return [document.activeElement.id, document.getElementById("own").hasAttribute("aria-disabled")]`); string(got.Value) != `["own",false]` {
		t.Errorf("focus %s", got.Value)
	}
}

// untilCancelled is an agent that waits for the PIN until it is asked to cancel.
func untilCancelled(send func(string, ...any), r request) {
	if r.Method == "authenticate" {
		send(`{"jsonrpc":"2.0","method":"progress","params":{"state":"waiting-for-pin"}}`)
		return
	}
	send(`{"jsonrpc":"2.0","id":%d,"result":{}}`, r.ID)
}

// Escape, the cancel button and leaving the page end the agent's dialogs.
func TestButtonCancels(t *testing.T) {
	for name, cancel := range map[string]func(t *testing.T){
		"Escape": func(t *testing.T) { press(t, "\x1b") },
		"button": func(t *testing.T) { click(t, "[part=cancel]") },
		"removed": func(t *testing.T) {
			inPage(t, `window.removed = document.querySelector("cpx-login"); removed.remove()`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEvents()
			element(t, e, withAgent(t, e, untilCancelled), login, "")
			click(t, "button")
			awaitState(t, "waiting-for-pin")
			if got := inside(t, "text"); !strings.Contains(got, "code porteur") {
				t.Error(got)
			}
			click(t, "button") // another click during the login does nothing
			cancel(t)
			e.await(t, "agent cancel")
			got := inPage(t, `const b = window.removed ?? document.querySelector("cpx-login");
				while (b.state !== "idle") await new Promise((r) => setTimeout(r, 10));
				return [b.shadowRoot.activeElement?.part.value ?? null, told.filter((x) => /error|searching/.test(x)).length]`)
			want := `["button",1]`
			if name == "removed" {
				want = `[null,1]`
			}
			if string(got.Value) != want {
				t.Errorf("%s, want %s", got.Value, want)
			}
		})
	}
}

// A failure is shown with its causes and where to get the agent, and a second
// click starts another login.
func TestButtonExplains(t *testing.T) {
	e := newEvents()
	port, l := freePorts(t, 1)
	l[0].Close()
	element(t, e, port, login+` install-url="/installer" help-url="/aide"`, "")
	click(t, "button")
	awaitState(t, "error")
	title, list, link := inside(t, "title"), inside(t, "list"), inside(t, "link")
	if !strings.Contains(title, "Aucun agent") || strings.Count(list, "\n") != 2 || link != "Installer l’agent" {
		t.Errorf("%q %q %q", title, list, link)
	}
	got := inPage(t, `const r = document.querySelector("cpx-login").shadowRoot;
		return [r.querySelector("[role=alert]").innerText.length > 0, [...r.querySelectorAll("a")].map((a) => a.href.replace(location.origin, "")).join(" "),
			r.querySelector("[part=label]").textContent, document.querySelector("cpx-login").error.reason]`)
	if string(got.Value) != `[true,"/installer /aide#no_agent","Recommencer","no_agent"]` {
		t.Errorf("%s %s", got.Value, got.reason())
	}
	click(t, "button")
	if got := inPage(t, `while (told.filter((x) => x === "cpx-error no_agent").length < 2) await new Promise((r) => setTimeout(r, 10)); return told.length`); got.Error != nil {
		t.Error(got.reason())
	}
}

// The button has a name, whatever is between its tags; the site's text replaces
// ours.
func TestButtonHasAName(t *testing.T) {
	for content, want := range map[string]string{"": "S’identifier par carte CPS", "\n\t": "S’identifier par carte CPS", "<!-- TEST -->\n": "S’identifier par carte CPS", "\nMa carte\n": "Ma carte"} {
		element(t, newEvents(), 1, "", content)
		got := inPage(t, `await new Promise(requestAnimationFrame);
			const [, slot, label] = document.querySelector("cpx-login").shadowRoot.querySelector("button").children;
			const own = label.checkVisibility() ? label.textContent : "";
			return own + slot.assignedNodes().map((n) => n.nodeType === Node.TEXT_NODE ? n.textContent : "").join("").trim()`)
		var name string
		if err := json.Unmarshal(got.Value, &name); err != nil || name != want {
			t.Errorf("%q: %q, want %q %s", content, name, want, got.reason())
		}
	}
}

// A program uses the element before it is in a page, and after.
func TestButtonOutsideThePage(t *testing.T) {
	e := newEvents()
	element(t, e, withAgent(t, e, signs), "", "")
	got := inPage(t, `const b = document.createElement("cpx-login"), old = document.querySelector("cpx-login");
		b.reset();
		for (const a of old.attributes) if (a.name !== "state") b.setAttribute(a.name, a.value);
		await b.login();
		const states = [b.state];
		document.body.append(b);
		states.push(b.state);
		b.reset();
		return [...states, b.state]`)
	if string(got.Value) != `["done","done","idle"]` {
		t.Errorf("%s %s", got.Value, got.reason())
	}
}

// The keyboard's focus returns to the button after a successful login too; an
// address that leads nowhere is no failure of the login.
func TestButtonAfterTheEnd(t *testing.T) {
	e := newEvents()
	var pin func(string, ...any)
	var id int
	port := withAgent(t, e, func(send func(string, ...any), r request) {
		pin, id = send, r.ID
		untilCancelled(send, r)
	})
	element(t, e, port, "", "")
	inPage(t, `window.fetch = async () => new Response(JSON.stringify({ next: "http://[", nonce: "x".repeat(44) }));
		document.querySelector("cpx-login").setAttribute("login-url", "/auth/login")`)
	click(t, "button")
	awaitState(t, "waiting-for-pin")
	inPage(t, `document.querySelector("cpx-login").shadowRoot.querySelector("[part=cancel]").focus()`)
	pin(`{"jsonrpc":"2.0","id":%d,"result":%s}`, id, token)
	if got := awaitState(t, "done"); strings.Contains(got, "cpx-error") {
		t.Error(got)
	}
	if got := inPage(t, `return [document.querySelector("cpx-login").shadowRoot.activeElement?.part.value ?? null, told.at(-1)]`); string(got.Value) != `["button","cpx-success http://["]` {
		t.Errorf("%s %s", got.Value, got.reason())
	}
}

// The person can read what the browser is going to ask before a dial makes it ask,
// even where the text loads slowly.
func TestTextBeforeTheQuestion(t *testing.T) {
	e := newEvents()
	port := withAgent(t, e, signs)
	open(t, e, "", nil) // starts the browser and, with it, the public site
	setPublic(t, cdpbrowser.PermissionSettingGranted)
	visit(t, publicSite+"/?body="+url.QueryEscape(fmt.Sprintf(`<cpx-login ports-first="%d" ports-count="1"></cpx-login>`, port)))
	got := inPage(t, `
		navigator.permissions.query = async () => ({ state: "prompt" });
		await import("/slow/button.mjs");
		const b = document.querySelector("cpx-login"), Real = WebSocket;
		let read;
		window.WebSocket = class extends Real {
			constructor(...how) { super(...how); read ??= b.shadowRoot.querySelector("[part=text]").innerText; }
		};
		await b.login();
		return [b.state, read]`)
	if !strings.HasPrefix(string(got.Value), `["done","Votre navigateur peut demander`) {
		t.Errorf("%s %s", got.Value, got.reason())
	}
}

// click clicks within the element.
func click(t *testing.T, selector string) {
	t.Helper()
	if err := browser.Within(tab, patience, browser.Click("cpx-login", selector)); err != nil {
		t.Fatal(err)
	}
}
