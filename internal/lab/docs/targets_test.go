package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
)

var (
	ruleLine  = regexp.MustCompile(`(?m)^([a-z][a-z-]*):`)
	fenced    = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	codeSpan  = regexp.MustCompile("`([^`]+)`")
	makeCall  = regexp.MustCompile(`(?m)(?:^|[;&|(]|\s)make((?:[ \t]+(?:[\w-]+=(?:"[^"]*"|\S*)|-?[\w./-]+))*)`)
	assigning = regexp.MustCompile(`^[A-Z_]+=`)
)

// targetsNamed are the targets of make that the code in a document names: in fences and in
// spans. The word stands in sentences too, where it is no command.
func targetsNamed(document string) []string {
	var code []string
	document = fenced.ReplaceAllStringFunc(document, func(block string) string {
		for _, line := range strings.Split(block, "\n")[1:] {
			line, _, _ = strings.Cut(line, "#")
			code = append(code, line)
		}
		return ""
	})
	for _, m := range codeSpan.FindAllStringSubmatch(document, -1) {
		code = append(code, strings.Join(strings.Fields(m[1]), " ")) // a span goes over the line's end
	}
	var targets []string
	for _, c := range code {
		for _, m := range makeCall.FindAllStringSubmatch(c, -1) {
			for _, word := range strings.Fields(m[1]) {
				if assigning.MatchString(word) {
					break // what follows is a value
				}
				if !strings.HasPrefix(word, "-") {
					targets = append(targets, word)
				}
			}
		}
	}
	return targets
}

func TestTargetsNamed(t *testing.T) {
	for text, want := range map[string]string{
		"`make run` and `make -s build windows`":                     "run build windows",
		"`make faults ROUNDS=2`, `make attack LINES=\"3 17\"`":       "faults attack",
		"a span of two lines: `make\nquick`":                         "quick",
		"they make way, and make the page wait":                      "",
		"```sh\nYES=1 make test # make sure\ncd x && make js\n```":   "test js",
		"```sh manual: why\n\tmake one; make two\n```\n`make three`": "one two three",
		"`cmake x`, `make`":                                          "",
	} {
		if got := strings.Join(targetsNamed(text), " "); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestTargetsAreThere: whoever copies a make command from a document finds its target.
func TestTargetsAreThere(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for _, m := range ruleLine.FindAllSubmatch(makefile, -1) {
		there[string(m[1])] = true
	}
	named := map[string]bool{}
	check := func(file, text string) {
		for _, target := range targetsNamed(text) {
			named[target] = true
			if !there[target] {
				t.Errorf("%s names `make %s`, which is no target", strings.TrimPrefix(file, root+"/"), target)
			}
		}
	}
	check("Makefile", string(makefile))
	err = filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git" || path == filepath.Join(root, "build")):
			return filepath.SkipDir
		case filepath.Ext(path) == ".md":
			text, err := os.ReadFile(path)
			check(path, string(text))
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(named) < 15 {
		t.Errorf("only %d targets are named", len(named))
	}
}

// TestTargetsSkipNothing: what `make quick` sets for its own tests, to skip those that need
// something, reaches no target from a person's environment: `make test` would pass without them.
func TestTargetsSkipNothing(t *testing.T) {
	program := need.Program(t, "make")
	more := filepath.Join(t.TempDir(), "more.mk")
	if err := os.WriteFile(more, []byte("shown:\n\t@env\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), program, "--no-print-directory", "-f", "Makefile", "-f", more, "shown")
	c.Dir, c.Env = root, append(os.Environ(), need.Nothing, "CPX_OTHER=there")
	out, err := c.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "CPX_OTHER=there") {
		t.Fatalf("%v\n%s", err, out)
	}
	if strings.Contains(string(out), need.Nothing) {
		t.Error("the recipes have", need.Nothing)
	}
}
