package js

import (
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack/browser"
)

// shown is the document's first block in that language that has the text in it.
func shown(t *testing.T, language, with string) string {
	t.Helper()
	for rest, begun := read(t, "../docs/portal-developers.md"), true; begun; {
		var block string
		if _, rest, begun = strings.Cut(rest, "```"+language+"\n"); !begun {
			break
		}
		if block, rest, begun = strings.Cut(rest, "```"); begun && strings.Contains(block, with) {
			return block
		}
	}
	t.Fatalf("docs/portal-developers.md shows no %s with %s", language, with)
	return ""
}

// The lines that the document shows are a complete login, under the policy that it
// shows; only the ports are the test's.
func TestLinesOfTheDocument(t *testing.T) {
	lines := shown(t, "html", "/button.mjs")
	if n := strings.Count(strings.TrimSpace(lines), "\n") + 1; n > 10 {
		t.Errorf("card login takes %d lines", n)
	}
	_, policy, found := strings.Cut(strings.SplitN(shown(t, "http", "Content-Security-Policy"), "\n", 2)[0], "Content-Security-Policy: ")
	if !found {
		t.Fatal("no policy is shown")
	}
	e := newEvents()
	port := withAgent(t, e, signs)
	body := strings.Replace(lines, "<cpx-login ", `<cpx-login ports-count="1" ports-first="`+strconv.Itoa(port)+`" `, 1)
	visit(t, site(t, e, accepts)+"?csp="+url.QueryEscape(policy)+"&body="+url.QueryEscape(body))
	if err := browser.Within(tab, patience, browser.Visible("cpx-login[state=idle]")); err != nil {
		t.Fatal(err)
	}
	click(t, "button")
	e.await(t, "login")
	arrived(t)
}
