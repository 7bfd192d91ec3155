package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack/browser"
	"github.com/cpx-bridge/cpx-bridge/internal/reference"
)

// linesWith are a file's lines with a part.
func linesWith(t *testing.T, file, part string) (found []string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, part) {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found
}

// shownReference clicks, and returns the reference that the page then shows.
func shownReference(t *testing.T, tab context.Context, s *stack.Stack, meanwhile func()) string {
	t.Helper()
	if err := browser.Within(tab, patient, chromedp.Navigate(s.Origin+"/"), browser.Visible("#card-login"), browser.Click("#card-login")); err != nil {
		t.Fatal(err)
	}
	meanwhile()
	awaitText(t, tab, "reference", "Référence")
	text, err := chromedp.Run(tab, chromedp.Evaluate[string](fmt.Sprintf(shadow, "reference")))
	if err != nil {
		t.Fatal(err)
	}
	refs := reference.In(text)
	if len(refs) != 1 || text != "Référence\u00a0: "+refs[0] {
		t.Fatalf("the page shows %q", text)
	}
	return refs[0]
}

// TestReferenceFromThePage: the reference that a person reads on the page has one line in
// each of the agent's logs, which says what failed, one in the report, and is found as they
// say it; whatever failed, and a failure of before keeps its own.
func TestReferenceFromThePage(t *testing.T) {
	for name, c := range map[string]struct {
		options stack.Options
		code    int
		reason  string
	}{
		"wrong PIN":        {stack.Options{AutoPIN: script("0000", "cancel", "0001", "cancel")}, 1202, "pin_incorrect"},
		"no dialog":        {stack.Options{Pinentry: "/nonexistent/pinentry"}, 1303, "prompt_failed"},
		"expired":          {stack.Options{Cards: []string{"expired"}, AutoPIN: script("1234")}, 1105, "no_certificate"},
		"no module":        {stack.Options{Modules: []string{"/nonexistent/module.so"}, AutoPIN: script("1234")}, 1302, "no_module"},
		"dialog that died": {stack.Options{AutoPIN: script("die", "die")}, 1303, "prompt_failed"},
	} {
		t.Run(name, func(t *testing.T) {
			s := prepare(t, c.options)
			tab := openBrowser(t, s)
			before := shownReference(t, tab, s, func() {})
			ref := shownReference(t, tab, s, func() {})
			if before == ref {
				t.Fatal("two failures have one reference")
			}
			for _, ref := range []string{before, ref} {
				want := fmt.Sprintf("code=%d reason=%s ", c.code, c.reason)
				for _, log := range []string{"agent.log", "audit.log"} {
					if found := linesWith(t, filepath.Join(s.Dir(), "state", "cpx-bridge", log), ref); len(found) != 1 || !strings.Contains(found[0], want) {
						t.Errorf("%s has %q of %s, want %s", log, found, ref, want)
					}
				}
				report := filepath.Join(t.TempDir(), "report.txt")
				if out, err := s.Command(t.Context(), "cpx-agent", "doctor", "--report", report, "--config", s.Path("agent.toml")).CombinedOutput(); err != nil && !isExit(err, 1) {
					t.Fatalf("%v %s", err, out)
				}
				if found := linesWith(t, report, ref); len(found) != 1 || !strings.Contains(found[0], want) || strings.Contains(found[0], "localhost") {
					t.Errorf("the report has %q of %s", found, ref)
				}
				spoken := strings.ToLower(ref[:3] + " " + ref[3:])
				out, err := s.Command(t.Context(), "cpx-agent", "doctor", "--reference", spoken, "--config", s.Path("agent.toml")).CombinedOutput()
				if err != nil || strings.Count(string(out), "\n") != 1 || !strings.Contains(string(out), want) {
					t.Errorf("%s: %v %s", spoken, err, out)
				}
			}
		})
	}
}

func isExit(err error, status int) bool {
	exit, is := err.(*exec.ExitError)
	return is && exit.ExitCode() == status
}

// TestReferenceOfThePortal: where the portal refuses, the page shows the portal's reference,
// which its own log has once, and the agent's has not.
func TestReferenceOfThePortal(t *testing.T) {
	pins, person := askedByHand(t)
	s := prepare(t, stack.Options{AutoPIN: pins})
	tab := openBrowser(t, s)
	ref := shownReference(t, tab, s, func() {
		answer := person.asked()
		if _, err := chromedp.Run(tab, chromedp.Evaluate[json.RawMessage](`(() => {
			const post = window.fetch;
			window.fetch = (url, init) => post(url, init?.body ? { ...init, body: init.body.replace("web-eid:1.0", "web-eid:9.9") } : init);
		})()`)); err != nil {
			t.Fatal(err)
		}
		answer("1234")
	})
	if found := linesWith(t, s.Path("cpx-portal.log"), ref); len(found) != 1 || !strings.Contains(found[0], "reference="+ref) {
		t.Errorf("the portal's log has %q", found)
	}
	if found := linesWith(t, filepath.Join(s.Dir(), "state", "cpx-bridge", "agent.log"), ref); len(found) != 0 {
		t.Errorf("the agent's log has %q", found)
	}
}

// TestReferenceWhateverTheLevel: where the settings ask for errors alone, a failure still has
// its line in audit.log, and is found by its reference.
func TestReferenceWhateverTheLevel(t *testing.T) {
	s := prepare(t, stack.Options{AgentOnly: true, Settings: "[log]\nlevel = \"error\"\n", Pinentry: "/nonexistent/pinentry"})
	start(t, s)
	got := open(t, s).call("authenticate", map[string]any{"challengeNonce": nonce(t), "lang": "fr"})
	if got.Error == nil || !reference.Is(got.Error.Data.Reference) {
		t.Fatalf("%+v", got.Error)
	}
	for log, want := range map[string]int{"agent.log": 0, "audit.log": 1} {
		if found := linesWith(t, s.Path("state/cpx-bridge/"+log), got.Error.Data.Reference); len(found) != want {
			t.Errorf("%s: %q", log, found)
		}
	}
	out, err := s.Command(t.Context(), "cpx-agent", "doctor", "--reference", got.Error.Data.Reference, "--config", s.Path("agent.toml")).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "reason=prompt_failed") {
		t.Errorf("%v %s", err, out)
	}
}
