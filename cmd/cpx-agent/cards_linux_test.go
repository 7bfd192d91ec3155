package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/doctor"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/jsonschema"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/workstation"
)

// findings runs doctor and returns its findings, by code.
func findings(t *testing.T, p *workstation.Person, exit int) map[string]doctor.Finding {
	t.Helper()
	text := p.Runs(exit, "doctor", "--json")
	var r doctor.Report
	if err := json.Unmarshal(fromBrace(text), &r); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	must(t, jsonschema.Check(doctor.Schema(), fromBrace(text)))
	found := map[string]doctor.Finding{}
	for _, f := range r.Findings {
		found[f.Code] = f
	}
	return found
}

func cardsNow(t *testing.T, p *workstation.Person, exit int) state.Cards {
	t.Helper()
	var r state.Cards
	if err := json.Unmarshal(fromBrace(p.Runs(exit, "certs", "--json")), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// cardsBecome asks until the cards are so: the agent gets PC/SC's events a little
// later than the test, and then reads the cards in its own time.
func cardsBecome(t *testing.T, p *workstation.Person, so func(state.Cards) bool) state.Cards {
	t.Helper()
	for end := time.Now().Add(testdesktop.Patience); ; {
		text, _ := p.Command("certs", "--json").Output()
		var r state.Cards
		err := json.Unmarshal(text, &r)
		if err == nil && so(r) {
			return r
		}
		if time.Now().After(end) {
			t.Fatalf("%v, and still %s", err, text)
		}
	}
}

func anyUsable(r state.Cards) bool { return idOfUsable(r) != "" }

// TestCardsAsTheyAre: certs and doctor report at once a PIN that is locked, a
// reader that is unplugged and a service that is stopped, without an agent and
// with one that has seen the card before; no try is spent.
func TestCardsAsTheyAre(t *testing.T) {
	for _, running := range []bool{false, true} {
		p, d := workstation.WithReader(t)
		problem := 1 // without autostart, and where no agent runs
		if running {
			p.Starts()("msg=listening")
		}
		cardsBecome(t, p, func(r state.Cards) bool { return len(r.Readers) == 1 && anyUsable(r) })
		p.Runs(0, "certs", "use", idOfUsable(cardsNow(t, p, 0)))

		d.Card().PIN().SetTriesLeft(0)
		r := cardsNow(t, p, 1)
		if r.Readers[0].PIN != state.PINLocked || anyUsable(r) {
			t.Errorf("running %v: a locked card is usable: %+v", running, r)
		}
		text := p.Runs(1, "certs")
		workstation.Contains(t, text, "PIN locked) ← next login", "the PIN is locked")
		found := findings(t, p, problem)
		if f := found["pin_locked"]; f.Outcome != doctor.Problem || found["no_usable_certificate"].Outcome != doctor.Problem || found["card_usable"].Code != "" {
			t.Errorf("running %v: %+v", running, found)
		}
		if running {
			workstation.Contains(t, p.Runs(0, "run"), "PIN locked)", "the PIN is locked") // a second start prints the state
		}
		d.Card().PIN().SetTriesLeft(3)
		if r := cardsNow(t, p, 0); r.Readers[0].PIN != "" {
			t.Errorf("running %v: %+v", running, r)
		}

		d.Unplug()
		cardsBecome(t, p, func(r state.Cards) bool { return len(r.Readers) == 0 })
		if r := cardsNow(t, p, 1); len(r.Readers) != 0 || len(r.Certificates) != 0 || r.PCSC != "" {
			t.Errorf("running %v: unplugged, but reported: %+v", running, r)
		}
		if found := findings(t, p, problem); found["no_reader"].Outcome != doctor.Problem || found["late"].Code != "" || found["no_card"].Code != "" {
			t.Errorf("running %v: %+v", running, found)
		}

		if err := d.Stop(); err != nil {
			t.Fatal(err)
		}
		cardsBecome(t, p, func(r state.Cards) bool { return r.PCSC != "" })
		if r := cardsNow(t, p, 1); len(r.Readers) != 0 || r.PCSC != "no_service" {
			t.Errorf("running %v: stopped, but reported: %+v", running, r)
		}
		workstation.Contains(t, p.Runs(1, "certs"), "The service for card readers (PC/SC) does not answer")
		if found := findings(t, p, problem); found["no_pcsc_service"].Outcome != doctor.Problem || found["no_card"].Code != "" {
			t.Errorf("running %v: %+v", running, found)
		}
		if n := d.Card().PIN().Tries(); n != 0 {
			t.Errorf("%d tries spent", n)
		}
	}
}

// TestSlowCards: where the running agent has read the cards, a slow card prevents
// nobody from seeing and choosing a certificate, and the time of reading is printed.
func TestSlowCards(t *testing.T) {
	p, d := workstation.WithReader(t)
	p.Starts()("msg=listening")
	id := idOfUsable(cardsBecome(t, p, anyUsable))
	d.SetDelay(time.Minute) // for each command
	for lang, said := range map[string]string{"fr": "date de la dernière lecture", "en": "from the last look"} {
		text := p.Runs(0, "certs", "--lang", lang)
		workstation.Contains(t, text, said, id[:12])
		if strings.Contains(text, "context") {
			t.Error(text)
		}
	}
	if r := cardsNow(t, p, 0); !r.Outdated {
		t.Errorf("%+v", r)
	}
	workstation.Contains(t, p.Runs(0, "certs", "use", id[:12]), id)
	text := p.Runs(1, "certs", "use", "0123456789", "--lang", "fr")
	workstation.Contains(t, text, "date de la dernière lecture", "aucun certificat")
	if strings.Contains(text, "context") {
		t.Error(text)
	}
	if f := findings(t, p, 1)["cards_late"]; f.Outcome != doctor.Unknown {
		t.Errorf("%+v", f)
	}
}

func idOfUsable(r state.Cards) string {
	for _, c := range r.Certificates {
		if c.Usable {
			return c.ID
		}
	}
	return ""
}

// TestAnotherRuntimeFolder: doctor reports an agent of the person's that it cannot
// ask, and does not advise to end it.
func TestAnotherRuntimeFolder(t *testing.T) {
	p, _ := workstation.WithReader(t)
	p.Starts()("msg=listening")
	p.Keyring.Env = append(p.Keyring.Env, "XDG_RUNTIME_DIR="+t.TempDir())
	found := findings(t, p, 1) // because there is no autostart
	if found["agent_runs"].Code == "" || found["agent_not_asked"].Outcome != doctor.Unknown || found["agent_silent"].Code != "" {
		t.Errorf("%+v", found)
	}
	if text := p.Runs(1, "doctor"); strings.Contains(text, "end its process") {
		t.Error(text)
	}
}
