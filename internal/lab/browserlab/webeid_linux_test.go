package browserlab

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// webEidPage is a site built for Web eID on the portal's page: window.ask makes a request
// as its page library does, which gives up on a status after 6 s.
const webEidPage = `(() => {
	window.ask = (name, action) => {
		window[name] = "";
		const ended = (text) => { window[name] ||= text; };
		setTimeout(ended, 6000, "given up");
		addEventListener("message", ({ data }) => {
			if (data?.action === action + "-success") ended("success");
			if (data?.action === action + "-failure") ended(data.error.code + " " + data.error.message);
		});
		postMessage({ action, libraryVersion: "2.1.0" }, "*");
	};
	const script = document.createElement("script");
	script.dataset.portsFirst = "%d";
	script.dataset.portsCount = "1";
	script.src = trustedTypes.createPolicy("test", { createScriptURL: (s) => s }).createScriptURL("/static/js/web-eid-compat.js");
	script.onload = () => ask("first", "web-eid:status");
	document.head.append(script);
	return true;
})()`

// TestWebEidQuestion: while a real Chromium shows its question, a status of a site built
// for Web eID ends before the site gives up on it and speaks of the question; so does the
// next, which is not one too many; and after a real click on "Allow" the agent is found.
func TestWebEidQuestion(t *testing.T) {
	dir, err := os.MkdirTemp("", "cpxb")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	w, err := newWorld(t.Context(), dir, programs(t), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	p := &play{ctx: t.Context(), w: w, stack: w.direct, row: &Row{Case: "Web eID", Browser: "Chromium"}, begun: time.Now()}
	defer func() {
		if p.window != nil {
			p.window.close()
		}
		for _, stop := range p.stops {
			stop()
		}
	}()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(p.own(w.agentPorts))
	must(p.start(p.stack.Origin + "/"))
	must(p.window.open(t.Context(), p.stack.Origin+"/"))
	_, err = p.until(patience, "the page has loaded", func(v view, _ *question) bool { return v.Ready && v.Button })
	must(err)
	page, done := p.window.(*chromium), false
	must(page.evaluate(t.Context(), fmt.Sprintf(webEidPage, w.agentPorts), &done))
	said := func(name string) (text string) {
		t.Helper()
		_, err := p.until(patience, name+" ends", func(view, *question) bool {
			return page.evaluate(t.Context(), "window."+name+` ?? ""`, &text) == nil && text != ""
		})
		must(err)
		return text
	}
	for _, name := range []string{"first", "next"} {
		if name == "next" {
			must(page.evaluate(t.Context(), `ask("next", "web-eid:status") ?? true`, &done))
		}
		if got := said(name); !strings.HasPrefix(got, "ERR_WEBEID_USER_TIMEOUT Le navigateur n’a pas encore votre réponse.") {
			t.Errorf("the %s status: %s", name, got)
		}
		if p.q == nil {
			t.Error("the browser does not ask")
		}
	}
	must(p.picture(""))
	p.row.Question = p.q.Text
	must(p.allow())
	must(page.evaluate(t.Context(), `ask("last", "web-eid:status") ?? true`, &done))
	if got := said("last"); got != "success" {
		t.Errorf("after the answer: %s", got)
	}
}
