package prompt

import (
	"reflect"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/catalogue"
)

func TestCatalogue(t *testing.T) {
	catalogue.Check(t, texts)
	for lang, w := range texts {
		for i := range reflect.ValueOf(w).NumField() {
			if text := reflect.ValueOf(w).Field(i).String(); strings.Contains(text, "_") {
				t.Errorf("%s: GTK makes a shortcut of the _ in %q", lang, text)
			}
		}
	}
}

// TestFirstLine: Qt takes a text for markup by its first line, which therefore
// holds nothing from outside.
func TestFirstLine(t *testing.T) {
	for lang, w := range texts {
		first, _, _ := strings.Cut(w.describe(Caller{"<b>x</b>", "<i>y</i>"}), "\n")
		if strings.ContainsAny(first, "<>&") {
			t.Errorf("%s: %q", lang, first)
		}
	}
}
