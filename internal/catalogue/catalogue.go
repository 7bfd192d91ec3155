// Package catalogue checks what people read: that both languages say all, and
// that all they say is shown. Each room keeps its own words in a struct of
// strings for each language; its test calls Check. It is for tests only.
package catalogue

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var verbs = regexp.MustCompile(`%(\[\d+\])?[a-z]`)

// Check fails where a word is missing in a language, where the languages take
// other values or take them in another order, where no Go file of the package
// in the current folder reads a word, and where French is typeset wrongly.
// byLanguage holds "fr" and "en"; T is a struct of strings.
func Check[T any](t *testing.T, byLanguage map[string]T) {
	t.Helper()
	if len(byLanguage) != 2 {
		t.Fatalf("%d languages, want fr and en", len(byLanguage))
	}
	code := sources(t)
	fr, en := reflect.ValueOf(byLanguage["fr"]), reflect.ValueOf(byLanguage["en"])
	for i := range fr.NumField() {
		name, f, e := fr.Type().Field(i).Name, fr.Field(i).String(), en.Field(i).String()
		if strings.TrimSpace(f) == "" || strings.TrimSpace(e) == "" {
			t.Errorf("%s is missing: fr %q, en %q", name, f, e)
		}
		if !slices.Equal(verbs.FindAllString(f, -1), verbs.FindAllString(e, -1)) {
			t.Errorf("%s: different values in fr %q and en %q", name, f, e)
		}
		if !regexp.MustCompile(`\.` + name + `\b`).MatchString(code) {
			t.Errorf("%s is never shown", name)
		}
		if strings.Contains(f, "'") {
			t.Errorf("%s: straight apostrophe in %q", name, f)
		}
	}
}

// sources is the text of the package's Go files, its tests left out.
func sources(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var code strings.Builder
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		code.Write(text)
	}
	return code.String()
}
