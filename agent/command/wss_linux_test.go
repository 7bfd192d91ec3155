package command

import (
	"os"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/catalogue"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/workstation"
)

func TestWSSWords(t *testing.T) { catalogue.Check(t, wssWords) }

func TestWSSInEnglish(t *testing.T) {
	p := workstation.NewPerson(t, "lang = \"en\"\n")
	p.NewDatabase()
	workstation.Contains(t, p.Runs(0, "wss", "install"), "Certificate installed, valid until", "Trusted by: "+p.Database(), "wss is not switched on")
	workstation.Contains(t, p.Runs(1, "wss", "status"), "Certificate valid until", "Trusted by: ", "wss is not switched on")
	if err := os.RemoveAll(p.Database()); err != nil {
		t.Fatal(err)
	}
	workstation.Contains(t, p.Runs(1, "wss", "status"), "Not trusted any more by: ")
	workstation.Contains(t, p.Runs(0, "wss", "remove"), "Certificate taken out of: ")
	workstation.Contains(t, p.Runs(2, "wss"), "wss needs one of")
	workstation.Contains(t, p.Runs(2, "wss", "renew"), "not \"renew\"")
}
