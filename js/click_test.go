package js

import (
	"context"
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack/browser"
)

// awkward are buttons on which a click does not arrive at first. Each counts its
// clicks.
var awkward = map[string]string{
	"as it should be": ``,
	// As in Chromium before it has shown a page.
	"swallowed": `let first = true;
		addEventListener("click", (e) => { if (first) e.stopImmediatePropagation(); first = false; }, true);`,
	"moves under the mouse": `b.addEventListener("mousedown", () => { b.style.marginTop = "300px"; }, { once: true });`,
	"covered for a while": `const cover = document.createElement("div");
		cover.style = "position: fixed; inset: 0; background: gray";
		document.body.append(cover);
		setTimeout(() => cover.remove(), 300);`,
	"disabled for a while": `b.disabled = true; setTimeout(() => { b.disabled = false; }, 300);`,
	"below what is seen":   `b.style.marginTop = "5000px";`,
}

const counted = `document.body.replaceChildren();
	const b = document.createElement("button");
	b.id = "awkward";
	b.textContent = "TEST";
	window.count = 0;
	b.onclick = () => window.count++;
	document.body.append(b);
	`

// The clicks of these tests arrive, each once.
func TestClicksArrive(t *testing.T) {
	open(t, newEvents(), "", nil)
	for name, change := range awkward {
		t.Run(name, func(t *testing.T) {
			visit(t, site(t, newEvents(), nil))
			inPage(t, "%s", counted+change)
			if err := browser.Within(tab, patience, browser.Click("#awkward")); err != nil {
				t.Fatal(err)
			}
			if got := inPage(t, `return window.count`); string(got.Value) != "1" {
				t.Errorf("%s clicks", got.Value)
			}
		})
		t.Run(name+", in Firefox", func(t *testing.T) {
			fox(t, site(t, newEvents(), nil))
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			var count int
			if err := firefox.Evaluate(ctx, counted+change, nil); err != nil {
				t.Fatal(err)
			}
			if err := firefox.Click(ctx, "#awkward"); err != nil {
				t.Fatal(err)
			}
			if err := firefox.Value(ctx, `window.count`, &count); err != nil || count != 1 {
				t.Errorf("%d clicks, %v", count, err)
			}
		})
	}
}

// A click that leads to another page has arrived, and a click on an element that
// never appears fails with its name.
func TestClicksThatLeadAway(t *testing.T) {
	open(t, newEvents(), "", nil)
	inPage(t, `const a = document.createElement("a"); a.href = "/espace"; a.id = "away"; a.textContent = "TEST"; document.body.append(a)`)
	if err := browser.Within(tab, patience, browser.Click("#away"), browser.Visible("#arrived")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(tab)
	cancel()
	err := chromedp.Do(ctx, browser.Click("#nowhere", "#inside"))
	if want := "#nowhere #inside cannot be clicked: context canceled"; fmt.Sprint(err) != want {
		t.Errorf("%v, want %s", err, want)
	}
}
