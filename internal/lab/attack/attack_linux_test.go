package attack

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestMain(m *testing.M) {
	RunRoles()
	os.Exit(m.Run())
}

// TestAttacks plays the attacks that need no root, no browser and little time; `make
// attack` plays all.
func TestAttacks(t *testing.T) {
	bin := t.TempDir()
	build := exec.Command("go", "build", "-o", bin+"/", "./cmd/...", "./internal/lab/autopin")
	build.Dir = filepath.Join("..", "..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	// Sockets have short names, shorter than a test's own folder may be.
	dir, err := os.MkdirTemp("", "cpxa")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	for _, a := range All() {
		if !a.Short {
			continue
		}
		err := Run(t.Context(), dir, bin, []Attack{a}, func(r Result) {
			if !r.Good() {
				t.Error(r)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// An attack that checked nothing, broke down or succeeded is not held, and one that was
// not tried counts only where it may be missing.
func TestResults(t *testing.T) {
	attack := func(line int, play func(w *World, r *Record) error) Attack {
		return Attack{Line: line, Title: "made up", Empty: true, Play: play}
	}
	held := attack(1, func(_ *World, r *Record) error { r.Check(true, "this", "that"); return nil })
	for name, c := range map[string]struct {
		attacks []Attack
		allowed []string
		want    string // of the error
	}{
		"all held":           {[]Attack{held}, nil, ""},
		"nothing":            {nil, nil, "nothing was attacked"},
		"checked nothing":    {[]Attack{held, attack(2, func(*World, *Record) error { return nil })}, nil, "not held: line 2"},
		"broke down":         {[]Attack{attack(3, func(_ *World, r *Record) error { r.Check(true, "", ""); return errors.New("no") })}, nil, "not held: line 3"},
		"succeeded":          {[]Attack{attack(4, func(_ *World, r *Record) error { r.Check(true, "", ""); r.Check(false, "", ""); return nil })}, []string{"4"}, "not held: line 4"},
		"not tried":          {[]Attack{held, attack(5, func(*World, *Record) error { return Missing("no root") })}, []string{"6"}, "not tried: line 5"},
		"not tried, allowed": {[]Attack{held, attack(5, func(*World, *Record) error { return Missing("no root") })}, []string{"5"}, ""},
	} {
		var results []Result
		if err := Run(t.Context(), t.TempDir(), "", c.attacks, func(r Result) { results = append(results, r) }); err != nil {
			t.Fatal(err)
		}
		err := Summary(&bytes.Buffer{}, results, c.allowed)
		if got := ""; err != nil {
			got = err.Error()
			if c.want == "" || !strings.Contains(got, c.want) {
				t.Errorf("%s: %v", name, got)
			}
		} else if c.want != "" {
			t.Errorf("%s: no error, want %q", name, c.want)
		}
	}
}

// TestLines: each line has an attack, each attack a line, and the document the same list.
func TestLines(t *testing.T) {
	document, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "attack-surface.md"))
	if err != nil {
		t.Fatal(err)
	}
	for i, l := range Lines {
		if row := fmt.Sprintf("| %d | %s | %s |", i+1, l.Title, l.Outcome); !strings.Contains(string(document), row+"\n") {
			t.Errorf("docs/attack-surface.md lacks %q", row)
		}
	}
	for i, l := range Lines {
		if !slices.ContainsFunc(All(), func(a Attack) bool { return a.Line == i+1 }) {
			t.Errorf("nothing attacks line %d, %s", i+1, l.Title)
		}
	}
	for _, a := range All() {
		if a.Line < 1 || a.Line > len(Lines) || a.Title == "" || a.Play == nil {
			t.Errorf("%+v", a)
		}
	}
}
