package quick

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

const root = "../../.."

var declared = regexp.MustCompile(`(?m)^func (Test[A-Z0-9]\w*)\(`)

// testsOf are the tests that are declared in a folder.
func testsOf(t *testing.T, folder string) (names []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range declared.FindAllSubmatch(text, -1) {
			names = append(names, string(m[1]))
		}
	}
	return names
}

// TestPlan: what is left out is there, is left out nowhere else by its name, and the
// packages that need the headers are found.
func TestPlan(t *testing.T) {
	p, err := NewPlan(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"tray", "agent/prompt/window", "cmd/cpx-agent", "internal/lab/screens"} {
		if !slices.Contains(p.Out[headers], folder) {
			t.Errorf("%s is compiled without headers", folder)
		}
	}
	for _, folder := range []string{"agent/gate", "agent/login", "authtoken", "authtoken/challenge", "cps", "portal", "internal/lab/house"} {
		if !slices.Contains(p.Play, folder) {
			t.Errorf("%s is not played", folder)
		}
	}
	for folder := range wholePackages {
		if slices.Contains(p.Out[headers], folder) || len(testsOf(t, folder)) == 0 {
			t.Errorf("the table has %s, which has no tests or is not compiled anyway", folder)
		}
	}
}

// module makes a module of one file of tests in each folder.
func module(t *testing.T, tests map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module example.org/a/b\n\ngo 1.26\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for folder, body := range tests {
		file := filepath.Join(dir, folder, "x_test.go")
		text := "package x\n\nimport \"testing\"\n" + body
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestRun plays tests that pass, fail, skip themselves in whole or in part, and do not
// compile: none but those that passed counts as one.
func TestRun(t *testing.T) {
	p := &Plan{Play: []string{"good", "part", "needs"}, Out: map[string][]string{"a wonder": {"elsewhere", "beyond"}}}
	good := map[string]string{
		"good":  "func TestA(t *testing.T) {}\nfunc TestB(t *testing.T) {}\nfunc TestWindows(t *testing.T) { t.Fatal(1) }\n",
		"part":  "func TestC(t *testing.T) { t.Run(\"some\", func(t *testing.T) { t.Skip(\"only root can\") }) }\nfunc TestD(t *testing.T) { t.Skip(\"no moon\") }\nfunc TestH(t *testing.T) { t.Skip(\"no moon\") }\n",
		"needs": "import \"os\"\n\nfunc TestF(t *testing.T) {}\nfunc TestG(t *testing.T) { if os.Getenv(\"CPX_TEST_NEEDS\") == \"nothing\" { t.Skip(\"needs moon\") }; t.Fatal(\"moon\") }\n",
	}
	o, err := p.Run(t.Context(), module(t, good), t.Output())
	if err != nil {
		t.Fatal(err)
	}
	var printed strings.Builder
	p.Print(&printed, o)
	if o.Passed != 4 || o.Failed != 0 || o.Tested != 3 || len(o.Skipped) != 3 || len(o.Needing) != 1 {
		t.Errorf("%+v", o)
	}
	for _, want := range []string{
		"4 tests of 3 packages passed", "0 failed", "not passed: 3\n", "  only root can:\n      part: TestC/some\n", "  no moon:\n      part: TestD, TestH\n",
		"plays them: 1\n  moon:\n      needs: TestG\n", "  a wonder (2):\n      elsewhere, beyond\n", "TestWindows",
	} {
		if !strings.Contains(printed.String(), want) {
			t.Errorf("no %q in\n%s", want, printed.String())
		}
	}

	for name, bad := range map[string]string{"fails": "func TestE(t *testing.T) { t.Error(\"the moon is green\") }\n", "not compiled": "func TestE(t *testing.T) { moon() }\n",
		"needs and fails": "func TestE(t *testing.T) { t.Error(\"moon: scripts/setup test installs it\"); t.Skip(\"needs moon\") }\n",
		"panics":          "func TestE(t *testing.T) { t.Skip(\"needs moon\") }\nfunc TestG(t *testing.T) { panic(\"moon\") }\n",
		"ends early":      "import \"os\"\n\nfunc TestE(t *testing.T) { t.Log(\"moon\"); os.Exit(1) }\n",
		"fails beyond":    "import \"os\"\n\nfunc TestE(t *testing.T) { t.Skip(\"needs moon\") }\nfunc TestMain(m *testing.M) { m.Run(); println(\"moon\"); os.Exit(3) }\n",
	} {
		good["bad"] = bad
		printed.Reset()
		o, err := (&Plan{Play: []string{"good", "bad"}}).Run(t.Context(), module(t, good), &printed)
		if !errors.Is(err, ErrFailed) || o.Passed != 2 || !strings.Contains(printed.String(), "moon") {
			t.Errorf("%s: %v, %+v\n%s", name, err, o, printed.String())
		}
	}
}

// TestSaysHowFar: who waits for packages that are compiled or played reads that it goes on.
func TestSaysHowFar(t *testing.T) {
	says := make(chan time.Time, 1)
	says <- time.Now()
	var printed strings.Builder
	o, err := (&Plan{Play: []string{"good", "more"}}).run(t.Context(), module(t, map[string]string{"good": "func TestA(t *testing.T) {}\n", "more": "func TestB(t *testing.T) {}\n"}), &printed, says)
	if err != nil || o.Ended != 2 || !strings.Contains(printed.String(), "0 of 2 packages have ended") {
		t.Fatal(err, o, printed.String())
	}
}

func TestFolded(t *testing.T) {
	text := strings.Repeat("word ", 40) + strings.Repeat("x", 100)
	for line := range strings.Lines(folded(text, "  ")) {
		if line = strings.TrimSuffix(line, "\n"); len(line) > width && strings.Contains(strings.TrimSpace(line), " ") {
			t.Errorf("%d: %q", len(line), line)
		}
	}
	if got := folded("a b", "> "); got != "> a b\n" {
		t.Errorf("%q", got)
	}
}
