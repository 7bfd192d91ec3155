package js

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack/browser"
)

// readOut records what each live region has to read out: a text once for each time that
// it appears or changes.
const readOut = `
	window.read = { status: [], alert: [] };
	for (const [role, list] of Object.entries(read)) {
		const region = document.querySelector("cpx-login").shadowRoot.querySelector("[role=" + role + "]");
		new MutationObserver(() => {
			const text = region.innerText.trim();
			if (text !== (list.at(-1) ?? "")) list.push(text);
		}).observe(region, { subtree: true, childList: true, characterData: true, attributes: true });
	}`

// says is what the regions have read out, without the moments of silence.
func says(t *testing.T) (status, alert []string) {
	t.Helper()
	got := inPage(t, `await new Promise(requestAnimationFrame);
		return [read.status.filter((x) => x), read.alert.filter((x) => x)]`)
	var all [2][]string
	if err := json.Unmarshal(got.Value, &all); err != nil {
		t.Fatal(err, got.reason())
	}
	return all[0], all[1]
}

// refuses is an agent that fails the first login so, and serves the next.
func refuses(code int, reason string) answer {
	var asked atomic.Int32
	return func(send func(string, ...any), r request) {
		if asked.Add(1) > 1 {
			signs(send, r)
			return
		}
		send(`{"jsonrpc":"2.0","method":"progress","params":{"state":"waiting-for-consent"}}`)
		send(`{"jsonrpc":"2.0","id":%d,"error":{"code":%d,"message":"x","data":{"reason":%q}}}`, r.ID, code, reason)
	}
}

// A person's own cancel in the agent's window is said once, by the polite region, and
// is no failure; the button is ready, and the next click logs in. A failure is an alarm.
func TestOwnCancelIsNoAlarm(t *testing.T) {
	for _, c := range []struct {
		code   int
		reason string
		alarm  bool
		title  string
	}{
		{1001, "cancelled", false, "L’identification a été annulée."},
		{1002, "consent_denied", false, "Vous n’avez pas autorisé ce site"},
		{1102, "no_card", true, "Aucune carte n’a été trouvée"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			e := newEvents()
			element(t, e, withAgent(t, e, refuses(c.code, c.reason)), login, "")
			inPage(t, readOut)
			inPage(t, `document.getElementById("before").focus()`)
			press(t, "\t")
			press(t, "\r")
			state := map[bool]string{true: "error", false: "cancelled"}[c.alarm]
			seen := awaitState(t, state)
			if got := inside(t, "title"); !strings.HasPrefix(got, c.title) {
				t.Errorf("%q", got)
			}
			status, alert := says(t)
			loud := alert
			if !c.alarm {
				loud = status[len(status)-1:]
				if len(alert) > 0 || strings.Contains(seen, "cpx-error") {
					t.Errorf("an alarm: %q, %s", alert, seen)
				}
			}
			count := strings.Count(strings.Join(append(status, alert...), "\n"), c.title)
			if len(loud) != 1 || !strings.HasPrefix(loud[0], c.title) || count != 1 {
				t.Errorf("read out %q and %q", status, alert)
			}
			got := inPage(t, `const b = document.querySelector("cpx-login"), r = b.shadowRoot;
				return [b.error.reason, r.activeElement?.part.value, r.querySelector("[part=button]").hasAttribute("aria-disabled"), !!r.querySelector("[part=notice]:not([hidden])")]`)
			if want := fmt.Sprintf(`[%q,"button",false,%v]`, c.reason, !c.alarm); string(got.Value) != want {
				t.Errorf("%s %s, want %s", got.Value, got.reason(), want)
			}
			press(t, "\r")
			arrived(t)
		})
	}
}

// The browser's own question closed without an answer is a cancel too; an answer of no
// is not, because it lasts and must be undone.
func TestQuestionClosedIsNoAlarm(t *testing.T) {
	e := newEvents()
	open(t, e, "", nil) // starts the browser and, with it, the public site
	setPublic(t, cdpbrowser.PermissionSettingGranted)
	for state, ask := range map[string]string{"cancelled": "prompt", "error": "denied"} {
		first, count := closesOnceAsked(3, 1)(t, e)
		visit(t, publicSite+fmt.Sprintf(`/?body=<cpx-login ports-first="%d" ports-count="%d"></cpx-login>`, first, count))
		inPage(t, seen)
		inPage(t, `navigator.permissions.query = async () => ({ state: %q }); void document.querySelector("cpx-login").login()`, ask)
		awaitState(t, state)
	}
}

// What was said of the last login goes with the click that begins the next, before
// anything is found.
func TestNoticeGoesWithTheNextClick(t *testing.T) {
	for name, first := range map[string]answer{"error": refuses(1102, "no_card"), "cancelled": refuses(1001, "cancelled")} {
		e := newEvents()
		element(t, e, withAgent(t, e, func(send func(string, ...any), r request) {
			if first != nil {
				first(send, r)
				first = nil
			}
		}), login, "")
		click(t, "button")
		awaitState(t, name)
		inside(t, "title")
		inPage(t, `const b = document.querySelector("cpx-login");
			window.then = new Promise((r) => b.addEventListener("cpx-progress", () => r(b.shadowRoot.querySelectorAll("[part=title]").length + " " + (b.error?.reason ?? "")), { once: true }))`)
		click(t, "button")
		if got := inPage(t, `return then`); string(got.Value) != `"0 "` {
			t.Errorf("after %s: %s %s", name, got.Value, got.reason())
		}
		awaitState(t, "searching")
	}
}

// A key that is held down is one click: without an agent a search fails at once, and the
// browser slows down dials after ten that failed.
func TestHeldKeyIsOneClick(t *testing.T) {
	for name, content := range map[string]string{"own": "", "the site's": `<button slot="button">À moi</button>`} {
		element(t, newEvents(), gone(t, 1), login, content)
		inPage(t, `document.getElementById("before").focus()`)
		press(t, "\t")
		for i := range 5 {
			repeats := i > 0
			_, err := chromedp.Call(tab, input.DispatchKeyEvent, input.DispatchKeyEventParams{
				Type: input.DispatchKeyEventTypeKeyDown, Key: "Enter", Code: "Enter", Text: "\r", WindowsVirtualKeyCode: 13, AutoRepeat: &repeats,
			})
			if err != nil {
				t.Fatal(err)
			}
			awaitState(t, "error")
		}
		if got := strings.Count(awaitState(t, "error"), "cpx-progress searching"); got != 1 {
			t.Errorf("%s button: %d searches", name, got)
		}
		press(t, "\r") // a key of its own is another
		inPage(t, `while (told.filter((x) => x === "cpx-progress searching").length < 2) await new Promise((r) => setTimeout(r, 10))`)
	}
}

// departing records in the session what the page says of a login while a link is followed
// to a page that takes its time.
const departing = `
	delete sessionStorage.said;
	addEventListener("cpx-error", (e) => { sessionStorage.said = (sessionStorage.said ?? "") + e.detail.reason; });
	document.getElementById("before").href = "/late";`

// foxBegins begins a login in Firefox, up to the question for the PIN.
const foxBegins = `
	const s = document.createElement("script");
	s.type = "module";
	s.src = "/static/button.mjs";
	document.head.append(s);
	await customElements.whenDefined("cpx-login");
	const b = document.querySelector("cpx-login");
	void b.login();
	while (b.state !== "waiting-for-pin") await new Promise((r) => setTimeout(r, 10));`

// A person who leaves the page during a login cancels it: the agent's dialogs close, and
// the page that is being left shows no failure while the next one loads.
func TestLeavingThePageIsNoFailure(t *testing.T) {
	t.Run("Chromium", func(t *testing.T) {
		e := newEvents()
		element(t, e, withAgent(t, e, untilCancelled), login, "")
		inPage(t, departing)
		click(t, "button")
		awaitState(t, "waiting-for-pin")
		if err := browser.Within(tab, patience, browser.Click("#before")); err != nil {
			t.Fatal(err)
		}
		arrived(t)
		e.await(t, "agent cancel") // the browser puts the page aside, with its socket
		if got := inPage(t, `return sessionStorage.said ?? ""`); string(got.Value) != `""` {
			t.Errorf("%s %s", got.Value, got.reason())
		}
	})
	t.Run("Firefox", func(t *testing.T) {
		e := newEvents()
		port := withAgent(t, e, untilCancelled)
		fox(t, site(t, e, nil)+"?body="+url.QueryEscape(fmt.Sprintf(`<a href="#" id="before">avant</a><cpx-login ports-first="%d" ports-count="1"></cpx-login>`, port)))
		ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
		defer cancel()
		if err := firefox.Evaluate(ctx, departing+foxBegins, nil); err != nil {
			t.Fatal(err)
		}
		if err := firefox.Click(ctx, "#before"); err != nil {
			t.Fatal(err)
		}
		for there := false; !there; {
			// A page that is being left may answer with an error.
			if err := firefox.Value(ctx, `!!document.querySelector("#arrived")`, &there); err != nil && ctx.Err() != nil {
				t.Fatal(err)
			}
		}
		e.await(t, "agent closed")
		var said string
		if err := firefox.Value(ctx, `sessionStorage.said ?? ""`, &said); err != nil || said != "" {
			t.Errorf("%q, %v", said, err)
		}
	})
}
