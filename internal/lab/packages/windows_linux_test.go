package packages

import (
	"os"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/cells"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/wintable"
)

// TestDocumentedMissing: the command in the documents allows what wine cannot show, and
// nothing more.
func TestDocumentedMissing(t *testing.T) {
	text, err := os.ReadFile("../../../docs/testing.md")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range notInWine {
		names = append(names, cells.Word(c.name))
	}
	if want := "ALLOW_MISSING=" + strings.Join(names, ",") + " make test-packages\n"; !strings.Contains(string(text), want) {
		t.Errorf("docs/testing.md has not %q", want)
	}
}

// TestPlayed: a case is what the subtest of its name was, and nothing that was tried stays
// without one.
func TestPlayed(t *testing.T) {
	passed := wintable.Test{Name: "TestX/login", State: cells.Passed}
	below := wintable.Test{Name: "TestX/login/twice", State: cells.Failed}
	skipped := wintable.Test{Name: "TestX/repair", Output: "    x_test.go:1: it needs \"login\"\n"}
	failed := wintable.Test{Name: "TestX/removal_leaves_nothing", State: cells.Failed, Output: "a file"}
	w := windowsWorld{test: "TestX", tested: wintable.Tested{State: cells.Failed, Tests: []wintable.Test{{Name: "TestX", State: cells.Failed}, passed, below, skipped, failed}}}
	for name, want := range map[string]string{"login": "", "repair": `not here: it needs "login"`, "removal leaves nothing": "a file", "portals by properties": "TestX did not come to it: "} {
		got := ""
		if err := w.played(name)(t.Context()); err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if err := w.unknown(); err != nil {
		t.Errorf("all of it is known: %v", err)
	}
	w.tested.Tests = append(w.tested.Tests, wintable.Test{Name: "TestX/what_nobody_knows", State: cells.Passed})
	if err := w.unknown(); err == nil || !strings.Contains(err.Error(), "what_nobody_knows") {
		t.Errorf("a subtest without a case: %v", err)
	}
	w.tested = wintable.Tested{State: cells.Failed, Output: "TEST does not compile"}
	if err := w.unknown(); err == nil || !strings.Contains(err.Error(), "compile") {
		t.Errorf("tests that did not run: %v", err)
	}
}
