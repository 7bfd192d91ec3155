package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/badcerts"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/workstation"
)

// TestHostileCard: what a card's certificate states is shown so that nothing of it hides or
// covers anything, on a terminal, in the state, in doctor's report and, for who looks at
// it, in the JSON, from which programs read the identifier as it is.
func TestHostileCard(t *testing.T) {
	holder := demopki.NewHolder("CPS", 1)
	holder.Surname = "TEST \u202eDNARUD\x1b[2K Z" + strings.Repeat("\u0301", 50)
	holder.GivenName = "An\u200dne\nx"
	holder.Identifier = "8997000\u202e75122\u009b"
	p, _ := workstation.WithCard(t, virtual.CardOptions{Holder: holder})
	json1 := p.Runs(0, "certs", "--json")
	for what, text := range map[string]string{
		"certs":        p.Runs(0, "certs", "--lang", "fr"),
		"certs --json": json1,
		"doctor":       p.Runs(1, "doctor", "--identity"),
		"doctor json":  p.Runs(1, "doctor", "--identity", "--json"),
	} {
		if hides := badcerts.Hides(text); hides != "" || !strings.Contains(text, "DNARUD") {
			t.Errorf("%s: %s in %q", what, hides, text)
		}
	}
	var cards state.Cards
	if err := json.Unmarshal(fromBrace(json1), &cards); err != nil {
		t.Fatal(err)
	}
	if i := idOfUsable(cards); i == "" || cards.Certificates[0].Identifier != holder.Identifier {
		t.Errorf("%+v", cards.Certificates)
	}
	p.Starts()("msg=listening")
	if text := p.Runs(0, "run"); badcerts.Hides(text) != "" || !strings.Contains(text, "DNARUD") { // a second start prints the state
		t.Errorf("the state: %s in %q", badcerts.Hides(text), text)
	}
}
