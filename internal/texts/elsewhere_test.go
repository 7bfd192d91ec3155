package texts

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// printed are characters that betray a text for people: French letters, and
// typographic quotes and apostrophes, which the catalogue has in both languages.
const printed = "àâçéèêëîïôùûüœÀÇÉÈÊÎÔŒ’«»“”"

// elsewhere are the Go files with such characters, each for a reason.
var elsewhere = map[string]string{
	"cps/profession.go":              "titles as cards carry them; package cps is for other portals too, and needs none but the standard library",
	"internal/kit/demopki/holder.go": "titles that the demonstration's cards carry",
	"internal/language/date.go":      "the form of a date",
	"portal/names/names.go":          "letters by which names are compared",
}

// TestElsewhere: no text for people is in the source.
func TestElsewhere(t *testing.T) {
	found := map[string]string{}
	walk(t, func(path string) error {
		if filepath.Ext(path) != ".go" {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		if said := first(file); said != "" {
			found[inModule(path)] = said
		}
		return nil
	})
	for _, fault := range compare(found, elsewhere) {
		t.Error(fault)
	}
}

// first is the first string of a file that has such characters.
func first(file *ast.File) (said string) {
	ast.Inspect(file, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && said == "" {
			if s, ok := unquote(lit); ok && strings.ContainsAny(s, printed) {
				said = s
			}
		}
		return said == ""
	})
	return said
}

// compare lists what was found without a reason, and reasons for nothing found.
func compare(found, reasons map[string]string) (faults []string) {
	for path, said := range found {
		if reasons[path] == "" {
			faults = append(faults, fmt.Sprintf("%s says %q: that belongs in the catalogue", path, said))
		}
	}
	for path := range reasons {
		if found[path] == "" {
			faults = append(faults, path+" says nothing any more: take its reason out")
		}
	}
	slices.Sort(faults)
	return faults
}

func TestFirstAndCompare(t *testing.T) {
	for source, want := range map[string]string{
		"package a; var b = \"l’accord\"":             "l’accord",
		"package a; var b = `accordé`":                "accordé",
		"package a; var b = \"the consent\"":          "",
		"package a // l’accord, accordé":              "",
		"package a; var b, c = \"yes\", \"“quoted”\"": "“quoted”",
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "a.go", source, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if got := first(file); got != want {
			t.Errorf("%s: %q, want %q", source, got, want)
		}
	}
	got := compare(map[string]string{"a.go": "é", "b.go": "é"}, map[string]string{"b.go": "why", "c.go": "why"})
	if len(got) != 2 || !strings.Contains(got[0], "a.go says") || !strings.Contains(got[1], "c.go says nothing") {
		t.Errorf("%q", got)
	}
}
