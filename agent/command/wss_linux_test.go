package command

import (
	"os"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/workstation"
)

// TestWSSInEnglish installs and removes the certificate. That a browser reaches the
// agent with it is tested with the whole program.
func TestWSSInEnglish(t *testing.T) {
	p := workstation.NewPerson(t, "lang = \"en\"\n")
	p.Keyring.Use()
	t.Setenv("HOME", p.Keyring.Home)
	p.NewDatabase()
	w := station{p.Workstation}
	wss := func(exit int, verb string, parts ...string) {
		t.Helper()
		out, errs := w.cpxAgent(t, exit, "wss", verb)
		workstation.Contains(t, out+errs, parts...)
	}
	wss(exitGood, "install", "Certificate installed, valid until", "Trusted by: "+p.Database(), "wss is not switched on")
	wss(exitProblem, "status", "Certificate valid until", "Trusted by: ", "wss is not switched on")
	if err := os.RemoveAll(p.Database()); err != nil {
		t.Fatal(err)
	}
	wss(exitProblem, "status", "Not trusted any more by: ")
	wss(exitGood, "remove", "Certificate taken out of: ")
	wss(exitGood, "remove", "no certificate to take out")
}
