package js

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/chromedp"
)

// By the keyboard alone, with what a screen reader needs: names, live regions, a list; and
// Escape ends what runs.
func TestSelfTestByKeyboard(t *testing.T) {
	e := newEvents()
	open(t, e, "", nil)
	port, l := freePorts(t, 1)
	agentOn(t, l[0], "agent", e, allowedStatus, untilCancelled)
	selfTestPage(t, e, port, 1, trial, accepts)
	inPage(t, `document.getElementById("before").focus()`)
	press(t, "\t")
	press(t, "\r")
	inPage(t, `return ended()`)
	focus := func() string {
		return inPage(t, `return document.querySelector("cpx-selftest").shadowRoot.activeElement?.part.value ?? ""`).text(t)
	}
	if got := focus(); got != "start" {
		t.Errorf("the focus is on %q", got)
	}
	press(t, "\t")
	if got := focus(); got != "login" {
		t.Errorf("the focus is on %q", got)
	}
	press(t, "\r")
	e.await(t, "agent authenticate")
	inPage(t, `await until(() => /code porteur/.test(part("progress")?.textContent ?? ""))`)
	if got := inPage(t, `return part("announcement").textContent`).text(t); !strings.Contains(got, "L’essai d’identification") || !strings.Contains(got, "code porteur") {
		t.Errorf("announced: %q", got)
	}
	press(t, "\x1b")
	e.await(t, "agent cancel")
	if got := inPage(t, `return (await ended()) + " " + part("announcement").textContent`).text(t); got != "good, not_applicable, good, good, cancelled Le test a été interrompu." {
		t.Error(got)
	}
	if got := inPage(t, `return document.querySelector("cpx-selftest").report`).text(t); !strings.Contains(got, "[waiting-for-pin]") {
		t.Errorf("the text does not say what was waited for:\n%s", got)
	}
	got := inPage(t, `const root = document.querySelector("cpx-selftest").shadowRoot;
		const faults = [];
		for (const b of root.querySelectorAll("button:not([hidden])")) if (!b.textContent.trim()) faults.push("a button without a name");
		if (root.querySelectorAll("[role=status]").length !== 2) faults.push("live regions");
		if (root.querySelector("textarea").labels.length !== 1 || root.querySelector("textarea").labels[0].textContent === "") faults.push("the text has no label");
		if (!root.getElementById(root.querySelector("textarea").getAttribute("aria-describedby"))?.textContent) faults.push("the text has no description");
		if (part("steps").tagName !== "OL" || part("steps").getAttribute("role") !== "list") faults.push("the steps are no list");
		for (const m of root.querySelectorAll("[part=mark]")) if (m.getAttribute("aria-hidden") !== "true") faults.push("a mark is read");
		for (const s of root.querySelectorAll("[part=state]")) if (!s.textContent) faults.push("a state is a colour alone");
		return faults.join(", ")`).text(t)
	if got != "" {
		t.Error(got)
	}
}

// heard is what the browser gives to a screen reader: each object's role and name.
func heard(t *testing.T) (list []string) {
	t.Helper()
	tree, err := chromedp.Call(tab, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	if err != nil {
		t.Fatal(err)
	}
	text := func(v *accessibility.Value) (text string) {
		if v != nil {
			_ = json.Unmarshal(v.Value, &text) // a number is no name
		}
		return text
	}
	for _, n := range tree.Nodes {
		if !n.Ignored {
			list = append(list, strings.TrimSpace(text(n.Role)+" "+text(n.Name)))
		}
	}
	return list
}

// What a screen reader is given before and after a test: buttons by their words, the steps as a
// list of so many, and the text for the hotline as an entry with a name.
func TestSelfTestIsHeard(t *testing.T) {
	e := newEvents()
	open(t, e, "", nil)
	port, l := freePorts(t, 1)
	agentOn(t, l[0], "agent", e, allowedStatus, none)
	selfTestPage(t, e, port, 1, trial, accepts)
	has := func(when string, all []string, want ...string) {
		t.Helper()
		for _, w := range want {
			if !slices.Contains(all, w) {
				t.Errorf("%s: no %q in %q", when, w, all)
			}
		}
	}
	before := heard(t)
	has("before", before, "button Commencer le test", "list", "status", "StaticText Le navigateur", "StaticText pas encore fait")
	if slices.ContainsFunc(before, func(x string) bool { return strings.Contains(x, "○") || strings.HasPrefix(x, "textbox") }) {
		t.Errorf("before: %q", before)
	}
	inPage(t, `part("start").click(); return ended()`)
	after := heard(t)
	has("after", after, "button Recommencer le test", "button Faire l’essai d’identification", "button Copier ce texte", "textbox Texte pour l’assistance", "StaticText bon", "StaticText Un agent a répondu sur le port "+fmt.Sprint(port)+".")
	if n := len(slices.DeleteFunc(after, func(x string) bool { return x != "listitem" && !strings.HasPrefix(x, "listitem ") })); n != 5 {
		t.Errorf("%d items of a list, want 5", n)
	}
}

// The element is whole on a narrow screen, with letters of twice the size, and in print.
func TestSelfTestNarrow(t *testing.T) {
	e := newEvents()
	open(t, e, "", nil)
	selfTestPage(t, e, gone(t, 1), 1, trial, accepts)
	inPage(t, `part("start").click(); return ended()`)
	got := inPage(t, `const faults = [];
		for (const [width, size] of [[320, 100], [320, 200], [1200, 200]]) {
			document.body.style.width = width - 16 + "px";
			document.documentElement.style.fontSize = size + "%%";
			await new Promise(requestAnimationFrame);
			const host = document.querySelector("cpx-selftest");
			for (const x of host.shadowRoot.querySelectorAll("*")) {
				if (x.matches("[part=announcement]")) continue;
				const r = x.getBoundingClientRect();
				if (r.right > width || x.scrollWidth > x.clientWidth + 1 && x.clientWidth && !x.matches("span,a,ol")) faults.push(width + "px " + size + "%% " + x.tagName + " " + x.part);
			}
		}
		return faults.join(", ")`).text(t)
	if got != "" {
		t.Error(got)
	}
}
