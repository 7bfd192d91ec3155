package house

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestGlossary: no identifier declared in the module bears a word of old.
func TestGlossary(t *testing.T) {
	root, err := Root(".")
	if err != nil {
		t.Fatal(err)
	}
	names, err := Names(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(names) < 1000 {
		t.Fatalf("only %d names were found", len(names))
	}
	g, err := ReadGlossary()
	if err != nil {
		t.Fatal(err)
	}
	uses, idle := g.Compare(names)
	for _, u := range uses {
		t.Error(u)
	}
	for _, name := range idle {
		t.Errorf("an exception that nothing needs: %s", name)
	}
}

func TestReadings(t *testing.T) {
	for name, want := range map[string][][]string{
		"look":            {{"look"}},
		"lookAgain":       {{"look", "again"}},
		"LookAgain":       {{"look", "again"}},
		"place_unix_test": {{"place", "unix", "test"}},
		"HTTPPage":        {{"http", "page"}, {"httpp", "age"}},
		"PINpad":          {{"pi", "npad"}, {"pin", "pad"}},
		"wait4Turn":       {{"wait", "4", "turn"}},
		"PKCS11":          {{"pkcs", "11"}},
		"x509Kept":        {{"x", "509", "kept"}},
		"KEEP_ALIVE":      {{"keep", "alive"}},
		"replace":         {{"replace"}},
		"rééxaméné":       {{"rééxaméné"}},
		"A":               {{"a"}},
		"ATurn":           {{"a", "turn"}, {"at", "urn"}},
		"aB":              {{"a", "b"}},
		"_":               {nil},
	} {
		if got := Readings(name); !slices.EqualFunc(got, want, slices.Equal) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestNamesThatAreDeclared(t *testing.T) {
	root := t.TempDir()
	write := func(file, text string) {
		t.Helper()
		file = filepath.Join(root, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module example.org/m\n")
	write("rooms/a_windows.go", `//go:build never

package rooms

import late "fmt"

type Desk[Turn any] struct{ left, Pad int; late.Stringer }

type teller interface{ Tell(told int) (looked error) }

const bare, kept = 1, 2

var proven = func(stranger int) {}

func (keep Desk[Turn]) Judge(take ...int) (give error) {
	look := 1
	for missed, stale := range []int{} {
		_, _ = missed, stale
	}
rested:
	for keep.notDeclared = range 2 {
		break rested
	}
	switch place := any(look).(type) {
	default:
		_ = place
	}
	used.Overlay(look)
	return nil
}
`)
	write("rooms/testdata/x.go", "package lends\n")
	write("other/go.mod", "module example.org/other\n")
	write("other/x.go", "package lends\n")
	write("build/x.go", "package lends\n")
	write("js/build/x.go", "package main\n")
	names, err := Names(root)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, n := range names {
		if n.Package == "rooms" {
			got = append(got, n.Name)
		}
		if n.Name == "lends" {
			t.Errorf("read %s", n.File)
		}
	}
	want := []string{"rooms", "a_windows", "rooms", "late", "Desk", "Turn", "left", "Pad", "teller", "Tell", "told", "looked",
		"bare", "kept", "proven", "stranger", "keep", "Judge", "take", "give", "look", "missed", "stale", "rested", "place"}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("declared: %q\nwant %q", got, want)
	}
	if !slices.ContainsFunc(names, func(n Name) bool { return n.File == "js/build/x.go" }) {
		t.Error("js/build was not read")
	}
}

const small = `
[[word]]
old = ["tell", "pad"]
new = "report"

[[phrase]]
name = "pin pad"
reason = "PC/SC part 10"

[[exception]]
name = "Tell"
reason = "io wants it so"

[[exception]]
name = "agent/peer.tell"
reason = "io wants it so"

[[exception]]
name = "agent/tell_test.go"
reason = "a file of that name"

[[exception]]
name = "nobodyTells"
reason = "there is no such thing"
`

func TestExceptions(t *testing.T) {
	g, err := parseGlossary(small)
	if err != nil {
		t.Fatal(err)
	}
	uses, idle := g.Compare([]Name{
		{"Tell", "agent", "agent/a.go", 1},
		{"tell", "agent/peer", "agent/peer/a.go", 2},
		{"tell", "agent", "agent/a.go", 3},
		{"tell_test", "agent", "agent/tell_test.go", 0},
		{"Tell", "agent", "agent/Tell.go", 0},
		{"tellAll", "agent", "agent/a.go", 4},
		{"PINPad", "agent", "agent/a.go", 5},
		{"PINpad", "agent", "agent/a.go", 6},
		{"padOfPIN", "agent", "agent/a.go", 7},
	})
	var got []string
	for _, u := range uses {
		got = append(got, u.String())
	}
	want := []string{"agent/a.go:3: tell (tell: report)", "agent/Tell.go: Tell (tell: report)",
		"agent/a.go:4: tellAll (tell: report)", "agent/a.go:7: padOfPIN (pad: report)"}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
	if !slices.Equal(idle, []string{"nobodyTells"}) {
		t.Errorf("idle: %q", idle)
	}
}

func TestExceptionsNeedAReason(t *testing.T) {
	for name, text := range map[string]string{
		"none":     "[[exception]]\nname = \"Tell\"\n",
		"one word": "[[exception]]\nname = \"Tell\"\nreason = \"so\"\n",
		"no name":  "[[exception]]\nreason = \"io wants it so\"\n",
		"twice":    "[[exception]]\nname = \"Tell\"\nreason = \"io wants it so\"\n[[exception]]\nname = \"Tell\"\nreason = \"io wants it so\"\n",
		"a key":    "[[exception]]\nname = \"Tell\"\nreason = \"io wants it so\"\nwhy = \"x\"\n",
		"a phrase": "[[phrase]]\nname = \"pin pad\"\n",
	} {
		if _, err := parseGlossary(text); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := ReadGlossary(); err != nil {
		t.Error(err)
	}
}
