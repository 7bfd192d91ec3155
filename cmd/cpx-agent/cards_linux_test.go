package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent"
	"github.com/cpx-bridge/cpx-bridge/agent/doctor"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// freePorts is the first of n neighbouring ports that are free, below those that
// the system gives out.
func freePorts(t *testing.T, n int) int {
	t.Helper()
	free := func(port int) bool {
		l, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return false
		}
		return l.Close() == nil
	}
	for range 200 {
		first, i := 20000+rand.IntN(7000), 0
		for i < n && free(first+i) {
			i++
		}
		if i == n {
			return first
		}
	}
	t.Fatal("no free ports")
	return 0
}

// withReader is a person with a virtual card in a virtual reader, which the
// unmodified OpenSC and pcsc-lite drive.
func withReader(t *testing.T) (*person, *virtual.Desk) {
	t.Helper()
	modules, err := filepath.Glob("/usr/lib/*/opensc-pkcs11.so")
	if err != nil || len(modules) == 0 {
		t.Fatal("OpenSC's module is not installed: YES=1 scripts/setup test installs it")
	}
	p := newPerson(t, "")
	p.w.settings(t, "modules = [%q]\nlang = \"en\"\n[ports]\nfirst = %d\ncount = 5\n[limits]\ncard = \"5m\"\nother = \"5m\"\n", modules[0], freePorts(t, 5))
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

// cardsBecome asks until the cards are so: an agent hears a little later than the
// test what PC/SC tells, and reads them in its own time.
func (p *person) cardsBecome(so func(agent.CardReport) bool) agent.CardReport {
	p.t.Helper()
	for end := time.Now().Add(testdesktop.Patience); ; {
		text, _ := p.command("certs", "--json").Output()
		var r agent.CardReport
		err := json.Unmarshal(text, &r)
		if err == nil && so(r) {
			return r
		}
		if time.Now().After(end) {
			p.t.Fatalf("%v, and still %s", err, text)
		}
	}
}

func anyUsable(r agent.CardReport) bool { return idOfUsable(r) != "" }

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
		p.cardsBecome(func(r agent.CardReport) bool { return len(r.Readers) == 1 && anyUsable(r) })
		p.does(exitGood, "certs", "use", idOfUsable(p.cards(exitGood)))

		d.Card().PIN().SetLeft(0)
		r := p.cards(exitProblem)
		if r.Readers[0].PIN != agent.PINLocked || anyUsable(r) {
			t.Errorf("running %v: a locked card is usable: %+v", running, r)
		}
		text := p.does(exitProblem, "certs")
		says(t, text, "PIN locked) ← next login", "the PIN is locked")
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
		p.cardsBecome(func(r agent.CardReport) bool { return len(r.Readers) == 0 })
		if r := p.cards(exitProblem); len(r.Readers) != 0 || len(r.Certificates) != 0 || r.PCSC != "" {
			t.Errorf("running %v: unplugged, and told: %+v", running, r)
		}
		if found := p.findings(problem); found["no_reader"].Outcome != doctor.Problem || found["late"].Code != "" || found["no_card"].Code != "" {
			t.Errorf("running %v: %+v", running, found)
		}

		if err := d.Stop(); err != nil {
			t.Fatal(err)
		}
		p.cardsBecome(func(r agent.CardReport) bool { return r.PCSC != "" })
		if r := p.cards(exitProblem); len(r.Readers) != 0 || r.PCSC != "no_service" {
			t.Errorf("running %v: stopped, and told: %+v", running, r)
		}
		says(t, p.does(exitProblem, "certs"), "The service for card readers (PC/SC) does not answer")
		if found := p.findings(problem); found["no_pcsc_service"].Outcome != doctor.Problem || found["no_card"].Code != "" {
			t.Errorf("running %v: %+v", running, found)
		}
		if n := d.Card().PIN().Tries(); n != 0 {
			t.Errorf("%d tries spent", n)
		}
	}
}

// TestSlowCards: where the running agent knows the cards, a card that takes its time
// keeps nobody from seeing and choosing a certificate, and it is said of when it is.
func TestSlowCards(t *testing.T) {
	p, d := withReader(t)
	p.starts()("msg=listening")
	id := idOfUsable(p.cardsBecome(anyUsable))
	d.SetDelay(time.Minute) // for each command
	for lang, said := range map[string]string{"fr": "date de la dernière lecture", "en": "from the last look"} {
		text := p.does(exitGood, "certs", "--lang", lang)
		says(t, text, said, id[:12])
		if strings.Contains(text, "context") {
			t.Error(text)
		}
	}
	if r := p.cards(exitGood); !r.Late {
		t.Errorf("%+v", r)
	}
	says(t, p.does(exitGood, "certs", "use", id[:12]), id)
	text := p.does(exitProblem, "certs", "use", "0123456789", "--lang", "fr")
	says(t, text, "date de la dernière lecture", "aucun certificat")
	if strings.Contains(text, "context") {
		t.Error(text)
	}
	if f := p.findings(exitProblem)["cards_late"]; f.Outcome != doctor.Unknown {
		t.Errorf("%+v", f)
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
