package cps_test

import (
	"testing"

	"github.com/cpx-bridge/cpx-bridge/cps"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
)

func TestProfessionIn(t *testing.T) {
	for _, c := range [][3]string{
		{"en", "Pharmacien", "Pharmacist"}, {"fr", "Pharmacien", "Pharmacien"}, {"en", "SAGE-FEMME", "Midwife"},
		{"en", "Carte d’établissement", "Establishment’s card"}, {"en", "Sorcier", "Sorcier"}, {"en", "", ""},
	} {
		if got := cps.ProfessionIn(c[0], c[1]); got != c[2] {
			t.Errorf("%s %q: %q, want %q", c[0], c[1], got, c[2])
		}
	}
	// Every title of a demonstration card has an English name.
	for _, kind := range []string{"CPS", "CPF", "CPE", "CPA"} {
		title := demopki.NewHolder(kind, 1).Profession
		if cps.ProfessionIn("en", title) == title {
			t.Errorf("%s: %q has no English name", kind, title)
		}
	}
}
