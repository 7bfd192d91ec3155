package fuzzing

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/house"
	"github.com/cpx-bridge/cpx-bridge/internal/tomlfile"
)

func module(t *testing.T) (root string, targets []Target) {
	t.Helper()
	root, err := house.Root(".")
	if err != nil {
		t.Fatal(err)
	}
	targets, err = Targets(root)
	if err != nil {
		t.Fatal(err)
	}
	return root, targets
}

// inputs.toml, and what must stand in it whoever edits it: the parsers that data from
// outside reaches.
type inputs struct {
	Input []struct {
		What    string   `toml:"what"`
		Wants   string   `toml:"wants"`
		Targets []string `toml:"targets"`
	} `toml:"input"`
}

var reached = []string{
	"JSON-RPC of a page", "certificate to person", "token", "virtual card", "browser policy files", "language tags",
	"sealed list of sites", "origin", "texts of a dialog", "settings", "child pipe", "control socket", "Assuan answers", "handshake", "portal: forms and JSON", "portal: settings", "window protocol", "virtual reader",
	"policy in the registry", "revocation lists and answers of OCSP",
}

func TestInputs(t *testing.T) {
	_, targets := module(t)
	text, err := os.ReadFile("inputs.toml")
	if err != nil {
		t.Fatal(err)
	}
	var list inputs
	if _, err := tomlfile.Decode("inputs.toml", text, &list); err != nil {
		t.Fatal(err)
	}
	declared := map[string]bool{}
	for _, target := range targets {
		declared[target.String()] = true
	}
	named, rows := map[string]bool{}, map[string]bool{}
	for _, row := range list.Input {
		rows[row.What] = true
		if row.What == "" || row.Wants == "" || len(row.Targets) == 0 {
			t.Errorf("a row without a name, what is wanted, or a target: %+v", row)
		}
		for _, target := range row.Targets {
			named[target] = true
			if !declared[target] {
				t.Errorf("%s: there is no target %s", row.What, target)
			}
		}
	}
	for target := range declared {
		if !named[target] {
			t.Errorf("no row of inputs.toml names %s", target)
		}
	}
	for _, what := range reached {
		if !rows[what] {
			t.Errorf("inputs.toml has no row for what is reached from outside: %s", what)
		}
	}
}

// TestSeeds: each target begins with inputs of its own, in the repository and within
// bounds.
func TestSeeds(t *testing.T) {
	root, targets := module(t)
	if len(targets) == 0 {
		t.Fatal("no fuzz target was found")
	}
	var all int64
	for _, target := range targets {
		names, size, err := seedFiles(filepath.Join(root, target.Seeds()))
		if err != nil || len(names) == 0 {
			t.Errorf("%s has no seeds in %s: %v", target, target.Seeds(), err)
			continue
		}
		if len(names) > MaxSeeds || size > MaxSeedsSize {
			t.Errorf("%s: %d seeds, %d bytes; at most %d and %d", target, len(names), size, MaxSeeds, MaxSeedsSize)
		}
		all += size
	}
	if all > MaxAllSeedsSize {
		t.Errorf("all seeds have %d bytes, at most %d", all, MaxAllSeedsSize)
	}
}

// TestSeedsOfNothing: a folder of seeds whose target is gone is played by nobody.
func TestSeedsOfNothing(t *testing.T) {
	root, targets := module(t)
	folders, err := exec.Command("git", "-C", root, "ls-files", "*/testdata/fuzz/*").Output()
	if err != nil {
		t.Skip("no repository: ", err)
	}
	for _, file := range strings.Fields(string(folders)) {
		folder := filepath.Dir(filepath.FromSlash(file))
		if !slices.ContainsFunc(targets, func(target Target) bool { return target.Seeds() == folder }) {
			t.Errorf("%s is a seed of no target", file)
		}
	}
}

// TestMakeFuzz: `make fuzz` runs every target that a file of this module declares,
// for the time that is asked for.
func TestMakeFuzz(t *testing.T) {
	root, _ := module(t)
	cmd := exec.Command("make", "-n", "fuzz", "FUZZTIME=17s")
	cmd.Dir = root
	out, err := cmd.Output()
	command := regexp.MustCompile(`(?m)^go run (\S+) -time 17s$`).FindSubmatch(out)
	if err != nil || command == nil {
		t.Fatalf("%v: %s", err, out)
	}
	list := exec.Command("go", "run", string(command[1]), "-list")
	list.Dir = root
	out, err = list.Output()
	if err != nil {
		t.Fatal(err)
	}
	runs := strings.Split(strings.TrimSpace(string(out)), "\n")
	if want := grepped(t, root); !slices.Equal(runs, want) {
		t.Errorf("make fuzz runs %q,\nand the module has %q", runs, want)
	}
}

// grepped are the targets as git and a pattern find them, which know nothing of how
// this package does.
func grepped(t *testing.T, root string) (all []string) {
	t.Helper()
	out, err := exec.Command("git", "-C", root, "grep", "-E", "--untracked", `^func Fuzz[A-Za-z0-9]*\(`, "--", "*_test.go").Output()
	if err != nil {
		t.Skip("no repository: ", err)
	}
	line := regexp.MustCompile(`(?m)^(\S+)/[^/:]+:func (Fuzz\w+)\(`)
	for _, m := range line.FindAllSubmatch(out, -1) {
		if !strings.HasPrefix(string(m[1]), "examples/") {
			all = append(all, string(m[1])+" "+string(m[2]))
		}
	}
	slices.Sort(all)
	return all
}

// TestRun: a target that holds ends so, and one with a fault is told with the input
// that shows it, what plays it, and status 1.
func TestRun(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module example.test/planted\n")
	write("a/a_test.go", "package a\nimport \"testing\"\nfunc FuzzGood(f *testing.F) { f.Add(1); f.Fuzz(func(t *testing.T, n int) {}) }\n")
	write("b/b_test.go", "package b\nimport \"testing\"\nfunc FuzzBad(f *testing.F) { f.Add(1); f.Fuzz(func(t *testing.T, n int) { if n != 1 { t.Error(n) } }) }\n")
	write("c/c_test.go", "package c\nimport \"testing\"\nfunc FuzzSeed(f *testing.F) { f.Add(1); f.Fuzz(func(t *testing.T, n int) { t.Error(n) }) }\n")
	targets, err := Targets(root)
	if err != nil || len(targets) != 3 {
		t.Fatalf("%v, %v", targets, err)
	}
	for i, want := range []string{"holds", "FOUND b/testdata/fuzz/FuzzBad/", "FAILED"} {
		r := Run(t.Context(), root, targets[i], 1e9)
		if !strings.Contains(r.Line(), want) || r.Holds() != (want == "holds") {
			t.Errorf("%s, want %s: %s", r.Line(), want, r.Output)
		}
		if r.Found != "" {
			if _, err := os.Stat(filepath.Join(root, r.Found)); err != nil {
				t.Error(err)
			}
			if !strings.Contains(r.Advice(), filepath.Base(r.Found)) {
				t.Error(r.Advice())
			}
		}
	}
}
