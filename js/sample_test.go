package js

import (
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack/browser"
)

// shown is the document's first block in that language.
func shown(t *testing.T, language string) string {
	t.Helper()
	_, rest, begun := strings.Cut(read(t, "../docs/portal-developers.md"), "```"+language+"\n")
	block, _, ended := strings.Cut(rest, "```")
	if !begun || !ended {
		t.Fatalf("docs/portal-developers.md shows no %s", language)
	}
	return block
}

// The lines that the document shows are a complete login, under the policy that it
// shows; only the ports are the test's.
func TestLinesOfTheDocument(t *testing.T) {
	lines := shown(t, "html")
	if n := strings.Count(strings.TrimSpace(lines), "\n") + 1; n > 10 {
		t.Errorf("card login takes %d lines", n)
	}
	_, policy, found := strings.Cut(strings.SplitN(shown(t, "http"), "\n", 2)[0], "Content-Security-Policy: ")
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
