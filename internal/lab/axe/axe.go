// Package axe holds a page that a browser shows against the rules of axe-core, which finds
// what keeps people who use a screen reader, a keyboard or a magnifier from it. It is for
// tests only. Its functions may be called concurrently. It judges what a program can see of
// a page: that no rule is broken does not make a page good to use.
package axe

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
)

//go:embed files
var files embed.FS

// Install returns axe-core's script, which npm downloads once into build, the folder of what
// is made, by the version and the sum of the lock file here.
func Install(t testing.TB, build string) string {
	t.Helper()
	npm := need.Program(t, "npm")
	lock, err := fs.ReadFile(files, "files/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	ready := filepath.Join(build, fmt.Sprintf("axe-%x", sha256.Sum256(lock))) // after a change there is another
	script := filepath.Join(ready, "node_modules", "axe-core", "axe.min.js")
	if _, err := os.Stat(script); err != nil {
		if err := download(t.Context(), npm, ready); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// download fills the folder. Two that do it at a time do it twice, and one of them is used.
func download(ctx context.Context, npm, ready string) error {
	if err := os.MkdirAll(filepath.Dir(ready), 0o755); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(filepath.Dir(ready), "unfinished-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, name := range []string{"package.json", "package-lock.json"} {
		text, err := fs.ReadFile(files, "files/"+name)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), text, 0o600)
		}
		if err != nil {
			return err
		}
	}
	cmd := exec.CommandContext(ctx, npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	if err := os.Rename(dir, ready); err != nil {
		if _, other := os.Stat(ready); other != nil {
			return err
		}
	}
	return nil
}

// Violation is a rule that a page breaks.
type Violation struct {
	ID    string `json:"id"`
	Help  string `json:"help"`
	Nodes []struct {
		Target  []any  `json:"target"` // selectors; within a shadow tree, one for each tree
		HTML    string `json:"html"`
		Summary string `json:"failureSummary"`
	} `json:"nodes"`
}

// String is one line for each place.
func (v Violation) String() string {
	lines := make([]string, 0, len(v.Nodes))
	for _, n := range v.Nodes {
		lines = append(lines, fmt.Sprintf("%s (%s): %v %.200s", v.ID, v.Help, n.Target, strings.ReplaceAll(n.Summary, "\n", " ")))
	}
	return strings.Join(lines, "\n")
}

// Check holds the page that the tab shows against all of the script's rules, those that are
// advice and no norm's among them. It returns also the number of rules that had something
// there to look at: none means that the page was not looked at.
func Check(tab context.Context, script string) (broken []Violation, rules int, err error) {
	if _, err := chromedp.Run(tab, chromedp.Evaluate[bool](script+"\n;true")); err != nil {
		return nil, 0, err
	}
	// The numbers are read as text: chromedp's reader knows no field of its own name.
	out, err := chromedp.Run(tab, chromedp.Evaluate[string](
		`axe.run(document, {resultTypes: ["violations"]}).then((r) => JSON.stringify({violations: r.violations, rules: r.passes.length + r.violations.length}))`,
		chromedp.EvalAwaitPromise))
	if err != nil {
		return nil, 0, err
	}
	var result struct {
		Violations []Violation `json:"violations"`
		Rules      int         `json:"rules"`
	}
	if err := json.Unmarshal([]byte(out), &result); err != nil {
		return nil, 0, err
	}
	return result.Violations, result.Rules, nil
}
