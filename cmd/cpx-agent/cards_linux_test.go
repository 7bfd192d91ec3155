package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent"
	"github.com/cpx-bridge/cpx-bridge/agent/doctor"
	"github.com/cpx-bridge/cpx-bridge/internal/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/virtual"
)

// withReader is a person with a virtual card in a virtual reader, which the
// unmodified OpenSC and pcsc-lite drive.
func withReader(t *testing.T) (*person, *virtual.Desk) {
	t.Helper()
	modules, err := filepath.Glob("/usr/lib/*/opensc-pkcs11.so")
	if err != nil || len(modules) == 0 {
		t.Fatal("OpenSC's module is not installed: YES=1 scripts/setup test installs it")
	}
	p := newPerson(t, "")
	p.w.settings(t, "modules = [%q]\nlang = \"en\"\n[ports]\nfirst = %d\ncount = 100\n", modules[0], 20000+os.Getpid()%20000)
	pki, err := demopki.New(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	card, err := virtual.NewCard(pki.Intermediate, virtual.CardOptions{})
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(p.keyring.Home, "pcscd")
	d, err := virtual.NewDesk(virtual.DeskOptions{Socket: socket, Card: card})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Stop() })
	p.keyring.Env = append(p.keyring.Env, "PCSCLITE_CSOCK_NAME="+socket)
	return p, d
}

// findings are doctor's, by code.
func (p *person) findings(exit int) map[string]doctor.Finding {
	p.t.Helper()
	text := p.does(exit, "doctor", "--json")
	var r doctor.Report
	if err := json.Unmarshal(fromBrace(text), &r); err != nil {
		p.t.Fatalf("%v in %s", err, text)
	}
	found := map[string]doctor.Finding{}
	for _, f := range r.Findings {
		found[f.Code] = f
	}
	return found
}

func (p *person) cards(exit int) agent.CardReport {
	p.t.Helper()
	var r agent.CardReport
	if err := json.Unmarshal(fromBrace(p.does(exit, "certs", "--json")), &r); err != nil {
		p.t.Fatal(err)
	}
	return r
}

// TestCardsAsTheyAre: a PIN that is locked, a reader that is unplugged and a
// service that is stopped are told at once by certs and doctor, without an agent
// and with one that has seen the card before; no try is spent.
func TestCardsAsTheyAre(t *testing.T) {
	for _, running := range []bool{false, true} {
		p, d := withReader(t)
		problem := exitProblem // there is no autostart here, and without an agent none runs
		if running {
			p.starts()("msg=listening")
		}
		if r := p.cards(exitGood); len(r.Readers) != 1 || !slices.ContainsFunc(r.Certificates, func(c agent.CertificateReport) bool { return c.Usable }) {
			t.Fatalf("%+v", r)
		}
		p.does(exitGood, "certs", "use", idOfUsable(p.cards(exitGood)))

		d.Card().PIN().SetLeft(0)
		r := p.cards(exitProblem)
		if r.Readers[0].PIN != agent.PINLocked || slices.ContainsFunc(r.Certificates, func(c agent.CertificateReport) bool { return c.Usable }) {
			t.Errorf("running %v: a locked card is usable: %+v", running, r)
		}
		text := p.does(exitProblem, "certs")
		says(t, text, "PIN locked)", "the PIN is locked")
		if strings.Contains(text, "next login") {
			t.Error(text)
		}
		found := p.findings(problem)
		if f := found["pin_locked"]; f.Outcome != doctor.Problem || found["no_usable_certificate"].Outcome != doctor.Problem || found["card_usable"].Code != "" {
			t.Errorf("running %v: %+v", running, found)
		}
		if running {
			says(t, p.does(exitGood, "run"), "PIN locked)", "the PIN is locked") // a second start tells the state
		}
		d.Card().PIN().SetLeft(3)
		if r := p.cards(exitGood); r.Readers[0].PIN != "" {
			t.Errorf("running %v: %+v", running, r)
		}

		d.Unplug()
		if r := p.cards(exitProblem); len(r.Readers) != 0 || len(r.Certificates) != 0 || r.PCSC != "" {
			t.Errorf("running %v: unplugged, and told: %+v", running, r)
		}
		if found := p.findings(problem); found["no_reader"].Outcome != doctor.Problem || found["late"].Code != "" {
			t.Errorf("running %v: %+v", running, found)
		}

		if err := d.Stop(); err != nil {
			t.Fatal(err)
		}
		if r := p.cards(exitProblem); len(r.Readers) != 0 || r.PCSC != "no_service" {
			t.Errorf("running %v: stopped, and told: %+v", running, r)
		}
		says(t, p.does(exitProblem, "certs"), "The service for card readers (PC/SC) does not answer")
		if found := p.findings(problem); found["no_pcsc_service"].Outcome != doctor.Problem {
			t.Errorf("running %v: %+v", running, found)
		}
		if n := d.Card().PIN().Tries(); n != 0 {
			t.Errorf("%d tries spent", n)
		}
	}
}

func idOfUsable(r agent.CardReport) string {
	for _, c := range r.Certificates {
		if c.Usable {
			return c.ID
		}
	}
	return ""
}

// TestDoctorOfBadSettings: a collector gets JSON, and the status of bad settings.
func TestDoctorOfBadSettings(t *testing.T) {
	p := newPerson(t, "")
	p.w.settings(t, "lang = \"fr\"\n[wss]\nenabled = 3\n")
	found := p.findings(exitUsage)
	f := found["settings_bad"]
	if len(found) != 1 || f.Check != "settings" || f.Outcome != doctor.Problem || f.Subject != "wss.enabled" {
		t.Errorf("%+v", found)
	}
	says(t, f.Text, "config.toml:3: wss.enabled: must be true or false")
	if text := p.does(exitUsage, "doctor"); strings.Contains(text, "struct") {
		t.Error(text)
	}
}

// TestAnotherRuntimeFolder: an agent of the person's that cannot be asked is left
// alone, and doctor does not advise otherwise.
func TestAnotherRuntimeFolder(t *testing.T) {
	p, _ := withReader(t)
	p.starts()("msg=listening")
	p.keyring.Env = append(p.keyring.Env, "XDG_RUNTIME_DIR="+t.TempDir())
	found := p.findings(exitProblem) // there is no autostart here
	if found["agent_runs"].Code == "" || found["agent_not_asked"].Outcome != doctor.Unknown || found["agent_silent"].Code != "" {
		t.Errorf("%+v", found)
	}
	if text := p.does(exitProblem, "doctor"); strings.Contains(text, "end its process") {
		t.Error(text)
	}
}
