package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack/browser"
)

var selfTestPictures = flag.String("selftest-pictures", "", "a folder for pictures of the self-test page")

// selfTestHost is the portal's name where it is on https, as it is for people.
const selfTestHost = "portail.cpx.test"

// tester is a person at the self-test page.
type tester struct {
	surfer
	t     *testing.T
	stack *stack.Stack
}

// atSelfTest opens the page in a browser.
func atSelfTest(t *testing.T, s *stack.Stack, name string) *tester {
	t.Helper()
	p := &tester{surf(t, s, name), t, s}
	p.visit("/poste")
	p.ready()
	return p
}

// ready waits until the element can be used.
func (p *tester) ready() {
	p.t.Helper()
	p.await(`document.querySelector("cpx-selftest")?.shadowRoot?.querySelector("[part=start]").textContent || null`, new(string))
}

func (p *tester) visit(path string) {
	p.t.Helper()
	if err := p.Navigate(p.t.Context(), p.stack.Origin+path); err != nil {
		p.t.Fatal(err)
	}
}

// await stores the expression's value in the page, once it is not null.
func (p *tester) await(expression string, result any) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 2*patient)
	defer cancel()
	for {
		var there bool
		err := p.Value(ctx, "("+expression+") !== null", &there)
		if err == nil && there {
			err = p.Value(ctx, expression, result)
		}
		if err == nil && there {
			return
		}
		select {
		case <-ctx.Done():
			var text string
			_ = p.Value(p.t.Context(), `location.href + "\n" + document.body.innerText`, &text)
			p.t.Fatalf("%s: %v\n%s", expression, err, text)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// click clicks on a part of the element.
func (p *tester) click(part string) {
	p.t.Helper()
	if err := p.Value(p.t.Context(), fmt.Sprintf(`(document.querySelector("cpx-selftest").shadowRoot.querySelector("[part=%s]").click(), true)`, part), new(bool)); err != nil {
		p.t.Fatal(err)
	}
}

// steps waits until what runs has ended, and returns the steps' states, those that failed with
// their reason.
func (p *tester) steps() (steps string) {
	p.t.Helper()
	p.await(`((e) => {
		const inside = (part) => e.shadowRoot.querySelector("[part=" + part + "]");
		if (!inside("cancel").hidden || inside("result").hidden) return null;
		return e.steps.map((s) => [s.state, s.error?.reason, s.error?.detail].filter((x) => x).join(" ")).join(", ");
	})(document.querySelector("cpx-selftest"))`, &steps)
	return steps
}

// report is the text for the hotline.
func (p *tester) report() (text string) {
	p.t.Helper()
	p.await(`document.querySelector("cpx-selftest").report || null`, &text)
	return text
}

// pictured saves a picture of the page where who runs the test wants it.
func (p *tester) pictured(name string) {
	p.t.Helper()
	if *selfTestPictures == "" {
		return
	}
	err := os.MkdirAll(*selfTestPictures, 0o755)
	if path := filepath.Join(*selfTestPictures, name+".png"); err == nil {
		switch b := p.surfer.(type) {
		case chromiumTab:
			err = browser.Picture(b.tab, path)
		case *browser.Firefox:
			err = b.Picture(p.t.Context(), path)
		}
	}
	if err != nil {
		p.t.Error(err)
	}
}

// namesNobody fails where the text holds anything of the test world's persons: of the
// cards, the account, the person who runs the agent, and of what only they have.
func (p *tester) namesNobody(text string) {
	p.t.Helper()
	host, err := os.Hostname()
	if err != nil {
		p.t.Fatal(err)
	}
	list := []string{stack.Username, stack.Display, stack.Service, stack.Password, host, os.Getenv("HOME"), p.stack.Dir()}
	for _, c := range p.stack.Cards {
		list = append(list, c.Identifier, c.Holder, c.Label, c.PIN)
		list = append(list, strings.Fields(c.Holder)...)
	}
	for _, personal := range list {
		// "TEST" marks all of the demonstration's names.
		if len(personal) > 3 && personal != "TEST" && strings.Contains(strings.ToLower(text), strings.ToLower(personal)) {
			p.t.Errorf("the text holds %q:\n%s", personal, text)
		}
	}
	text = strings.ReplaceAll(text, "Gecko/20100101", "") // a constant of Firefox's own name
	for what, form := range map[string]string{"a long number": `\d{7,}`, "hex": `\b[0-9a-f]{16,}\b`, "base64": `[A-Za-z0-9+/]{40,}`, "a path": `/poste|/home/|\?`} {
		if found := regexp.MustCompile(form).FindString(text); found != "" {
			p.t.Errorf("the text holds %s, %q:\n%s", what, found, text)
		}
	}
}
