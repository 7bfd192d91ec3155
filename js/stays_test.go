package js

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"

	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack/browser"
)

// soon has the time for which a page may give way to another pass at once, and counts how
// often one began to.
const soon = `{
	const real = window.setTimeout;
	window.setTimeout = (f, ms, ...more) => real(f, ms > 5000 && ms <= 10_000 ? 100 : ms, ...more);
	window.begun = 0;
	addEventListener("beforeunload", () => begun++);
}`

// untilCut is an agent that asks for the PIN, and whose connection ends with cut.
func untilCut(cut <-chan struct{}) answer {
	return func(send func(string, ...any), r request) {
		untilCancelled(send, r)
		if r.Method == "authenticate" {
			go func() {
				<-cut
				send("close")
			}()
		}
	}
}

// TestPageThatStays: a page that began to give way to another and stays, because a file is
// saved, another program is opened, or the person stays by an answer, says that the login
// has failed.
func TestPageThatStays(t *testing.T) {
	for name, c := range map[string]struct {
		link  string // what is clicked
		asked bool
		begun string // whether the page begins to give way
	}{
		"a file to be saved":   {`href = "/saved"`, false, "true"},
		"a link with download": {`href = "/saved"; document.getElementById("before").download = "test.txt"`, false, ""},
		"a mail":               {`href = "mailto:test@example.invalid"`, false, "true"},
		"the person stays":     {`href = "/late"; addEventListener("beforeunload", (e) => e.preventDefault())`, true, "true"},
	} {
		t.Run(name, func(t *testing.T) {
			e, cut := newEvents(), make(chan struct{})
			element(t, e, withAgent(t, e, untilCut(cut)), login, "")
			inPage(t, "%s", soon+`document.getElementById("before").`+c.link)
			click(t, "button")
			awaitState(t, "waiting-for-pin")
			asked := staying(t)
			if err := browser.Within(tab, patience, browser.Click("#before")); err != nil {
				t.Fatal(err)
			}
			if c.asked {
				<-asked
			}
			if c.begun != "" {
				inPage(t, `while (!begun) await new Promise((r) => setTimeout(r, 10))`)
			}
			close(cut)
			if seen := awaitState(t, "error"); !strings.Contains(seen, "cpx-error agent_lost") {
				t.Error(seen)
			}
			if title := inside(t, "title"); title == "" {
				t.Error("nothing is said")
			}
		})
	}
}

// staying answers the browser's question whether to leave the page by staying, as a person
// does, and sends once it has.
func staying(t *testing.T) <-chan struct{} {
	t.Helper()
	ctx, cancel := context.WithCancel(tab)
	opened, answered := make(chan struct{}, 1), make(chan struct{}, 1)
	err := chromedp.Listen(ctx, func(ev any) {
		if _, is := ev.(*cdppage.EventJavascriptDialogOpening); is {
			opened <- struct{}{}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for accept := false; ; accept = true { // later the test itself goes on to the next page
			select {
			case <-opened:
			case <-ctx.Done():
				return
			}
			if _, err := chromedp.Call(tab, cdppage.HandleJavaScriptDialog, cdppage.HandleJavaScriptDialogParams{Accept: accept}); err != nil {
				t.Error(err)
			}
			if !accept {
				answered <- struct{}{}
			}
		}
	}()
	t.Cleanup(func() {
		visit(t, publicSite)
		cancel()
		<-ended
	})
	return answered
}

// TestFirefoxSavesAFile: Firefox ends a page's connections for a file to be saved, as it
// does for the next page; the login that was under way with them is said to have failed.
func TestFirefoxSavesAFile(t *testing.T) {
	e := newEvents()
	port := withAgent(t, e, untilCancelled)
	fox(t, site(t, e, nil)+"?body="+url.QueryEscape(fmt.Sprintf(`<a href="/saved" id="before">avant</a><cpx-login ports-first="%d" ports-count="1"></cpx-login>`, port)))
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	if err := firefox.Evaluate(ctx, soon+foxBegins, nil); err != nil {
		t.Fatal(err)
	}
	if err := firefox.Click(ctx, "#before"); err != nil {
		t.Fatal(err)
	}
	e.await(t, "agent closed")
	var reason string
	err := firefox.Evaluate(ctx, `const b = document.querySelector("cpx-login");
		while (/searching|waiting/.test(b.state)) await new Promise((r) => setTimeout(r, 10));
		return b.state + " " + b.error?.reason`, &reason)
	if err != nil || reason != "error agent_lost" {
		t.Errorf("%q, %v", reason, err)
	}
}
