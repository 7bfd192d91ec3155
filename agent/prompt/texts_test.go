package prompt

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// TestCatalogue: both languages say all, with the same values in the same
// order, and all that they say is used.
func TestCatalogue(t *testing.T) {
	var code strings.Builder
	for _, name := range []string{"dialogs.go", "texts.go", "pinentry.go"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		code.Write(text)
	}
	verbs := regexp.MustCompile(`%\w`)
	fr, en := reflect.ValueOf(catalogue["fr"]), reflect.ValueOf(catalogue["en"])
	for i := range fr.NumField() {
		name, f, e := fr.Type().Field(i).Name, fr.Field(i).String(), en.Field(i).String()
		if f == "" || e == "" {
			t.Errorf("%s is missing: fr %q, en %q", name, f, e)
		}
		if !reflect.DeepEqual(verbs.FindAllString(f, -1), verbs.FindAllString(e, -1)) {
			t.Errorf("%s: different values in fr %q and en %q", name, f, e)
		}
		if !regexp.MustCompile(`\bw\.` + name + `\b`).MatchString(code.String()) {
			t.Errorf("%s is never shown", name)
		}
		if strings.Contains(f, "'") {
			t.Errorf("%s: straight apostrophe in %q", name, f)
		}
		if strings.Contains(f+e, "_") {
			t.Errorf("%s: GTK makes a shortcut of the _ in %q, %q", name, f, e)
		}
	}
}

// TestFirstLine: Qt takes a text for markup by its first line, which therefore
// holds nothing from outside.
func TestFirstLine(t *testing.T) {
	for lang, w := range catalogue {
		first, _, _ := strings.Cut(w.describe(Caller{"<b>x</b>", "<i>y</i>"}), "\n")
		if strings.ContainsAny(first, "<>&") {
			t.Errorf("%s: %q", lang, first)
		}
	}
}
