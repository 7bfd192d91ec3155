package state

import (
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/badcerts"
)

// The window with the state, `certs` and a second start show hostile names visibly, each
// on its own line.
func TestHostileNames(t *testing.T) {
	for name, hostile := range badcerts.Hostile() {
		cards := Cards{
			Modules:      []Module{{Path: "/m.so", Info: hostile}, {Path: "/n.so", Error: hostile, Reason: "module_failed"}},
			Readers:      []Reader{{Name: hostile, Card: hostile, Error: hostile}},
			Certificates: []Certificate{{ID: strings.Repeat("a", 64), Holder: hostile, Identifier: hostile, Profession: hostile, Kind: hostile, Reader: hostile}},
		}
		plain := cards
		plain.Modules = []Module{{Path: "/m.so", Info: "x"}, {Path: "/n.so", Error: "x", Reason: "module_failed"}}
		plain.Readers = []Reader{{Name: "x", Card: "x", Error: "x"}}
		plain.Certificates = []Certificate{{ID: strings.Repeat("a", 64), Holder: "x", Identifier: "x", Profession: "x", Kind: "x", Reader: "x"}}
		for _, lang := range []string{"fr", "en"} {
			got, want := cards.Text(lang), plain.Text(lang)
			if what := badcerts.Hides(got); what != "" {
				t.Errorf("%s: %s", name, what)
			}
			if strings.Count(got, "\n") != strings.Count(want, "\n") {
				t.Errorf("%s: %d lines, want %d", name, strings.Count(got, "\n"), strings.Count(want, "\n"))
			}
		}
	}
}
