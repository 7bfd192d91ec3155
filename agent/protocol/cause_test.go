package protocol

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// withoutCode are errors that package login answers itself, with why no page gets them.
var withoutCode = map[string]string{
	"pkcs11.ErrPINLength":      "the person is asked anew",
	"pkcs11.ErrNoCardSession":  "the PIN is asked for",
	"pkcs11.ErrTriesChanged":   "the cause of a context, after which the PIN is asked for anew",
	"pkcs11.ErrOutcomeUnknown": "it comes with the error that has the code",
}

// TestEveryErrorHasItsCode: an error of a card or a dialog that the table does not
// know would reach a page as something unforeseen.
func TestEveryErrorHasItsCode(t *testing.T) {
	table, err := os.ReadFile("cause.go")
	if err != nil {
		t.Fatal(err)
	}
	exported := regexp.MustCompile(`(?m)^(?:var |\t)(Err\w+)\s+= errors\.New`)
	for _, folder := range []string{"pkcs11", "agent/prompt"} {
		files, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(folder), "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range exported.FindAllSubmatch(text, -1) {
				found++
				name := filepath.Base(folder) + "." + string(m[1])
				if known := strings.Contains(string(table), "{is: "+name+","); known == (withoutCode[name] != "") {
					t.Errorf("%s (%s): in causes: %v; no page gets it: %q", name, filepath.Base(file), known, withoutCode[name])
				}
			}
		}
		if found < 3 {
			t.Errorf("%s: only %d errors were found", folder, found)
		}
	}
	if i := slices.IndexFunc(causes, func(c cause) bool { return reasons[c.code][0] == "" }); i >= 0 {
		t.Errorf("%v has a code without a reason", causes[i].is)
	}
}
