package cps_test

import (
	"testing"

	"github.com/cpx-bridge/cpx-bridge/cps"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/badcerts"
)

// What a site shows of a person can neither hide nor cover anything.
func TestHostileNames(t *testing.T) {
	for name, hostile := range badcerts.Hostile() {
		for _, p := range []cps.Person{{Surname: hostile}, {GivenName: hostile, Surname: "TEST"}, {Pseudonym: hostile}, {Identifier: hostile}} {
			if what := badcerts.Hides(p.DisplayName()); what != "" {
				t.Errorf("%s: %s in %q", name, what, p.DisplayName())
			}
		}
	}
	if p := (cps.Person{GivenName: "Éloïse", Surname: "D’ÉPREUVE"}); p.DisplayName() != "Éloïse D’ÉPREUVE" {
		t.Errorf("%q", p.DisplayName())
	}
}
