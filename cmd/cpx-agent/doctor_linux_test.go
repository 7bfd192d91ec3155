package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent"
	"github.com/cpx-bridge/cpx-bridge/agent/doctor"
)

// TestDoctor is the command with a real card, keyring and agent.
func TestDoctor(t *testing.T) {
	const count = 5
	first := freePorts(t, 3*count)
	p := newPerson(t, "lang = \"fr\"\n[ports]\nfirst = %d\ncount = %d\n[wss]\nenabled = true\nfirst = %d\ncount = %d\n", first, count, first+count, count)
	p.newDatabase()
	var cards agent.CardReport
	if err := json.Unmarshal(fromBrace(p.does(exitGood, "certs", "--json")), &cards); err != nil {
		t.Fatal(err)
	}
	var holders []string
	for _, c := range cards.Certificates {
		holders = append(holders, c.Holder, c.Identifier)
	}
	check := func(want ...string) {
		t.Helper()
		text := p.does(exitProblem, "doctor", "--json") // there is neither PC/SC nor a display here
		var r doctor.Report
		if err := json.Unmarshal(fromBrace(text), &r); err != nil || r.Version != 1 || r.Outcome != doctor.Problem {
			t.Fatalf("%v in %s", err, text)
		}
		var codes []string
		for _, f := range r.Findings {
			codes = append(codes, f.Code)
		}
		for _, code := range want {
			if not := strings.TrimPrefix(code, "!"); slices.Contains(codes, not) == (not != code) {
				t.Errorf("%s: %v", code, codes)
			}
		}
		for _, personal := range append(holders, p.keyring.Home) {
			if strings.Contains(text, personal) {
				t.Errorf("it names %s: %s", personal, text)
			}
		}
	}
	check("settings_taken", "module_works", "card_usable", "keyring_open", "no_agent", "wss_no_certificate", "no_portal_named")
	await := p.starts()
	await("msg=listening")
	p.does(exitGood, "wss", "install")
	await("wss=true")
	check("agent_runs", "agent_serves_wss", "!no_agent", "wss_ready")
	p.keyring.Lock()
	check("keyring_locked", "wss_no_certificate")
	p.keyring.Unlock()
	if err := os.RemoveAll(p.database()); err != nil {
		t.Fatal(err)
	}
	check("wss_not_trusted")
	p.does(exitGood, "wss", "remove")
	check("wss_no_certificate", "!wss_left")

	says(t, p.does(exitProblem, "doctor", "--identity"), holders[0])
	says(t, p.does(exitProblem, "doctor"), "✓ CPx Bridge fonctionne sur le port", "✗ wss ne peut être servi", "✓ Le trousseau de clés est ouvert.")
	p.w.settings(t, "modules = [%q]\nlang = \"en\"\n[ports]\nfirst = %d\ncount = %d\n", filepath.Join(p.w.dir, "missing.so"), first+2*count, count) // where nothing listens
	says(t, p.does(exitProblem, "doctor"), "✗ Module ", "does not work", "    → Install this module again", "CPx Bridge does not run")
	p.w.settings(t, "colour = 1\n")
	says(t, p.does(exitUsage, "doctor"), "colour")
	p.w.settings(t, "lang = \"en\"\n")
}

// fromBrace leaves out what a log said before.
func fromBrace(text string) []byte { return []byte(text[strings.Index(text, "{"):]) }

// TestDoctorNeverLogsIn: what the module was called for, by OpenSC's spy.
func TestDoctorNeverLogsIn(t *testing.T) {
	spy, err := filepath.Glob("/usr/lib/*/pkcs11-spy.so")
	if err != nil || len(spy) == 0 {
		t.Fatal("OpenSC's pkcs11-spy.so is not installed: YES=1 scripts/setup test installs it")
	}
	w := newWorkstation(t, "cps")
	trace := filepath.Join(w.dir, "trace")
	t.Setenv("PKCS11SPY", w.module)
	t.Setenv("PKCS11SPY_OUTPUT", trace)
	w.settings(t, "modules = [%q]\nlang = \"en\"\n", spy[0])
	out, _ := w.cpxAgent(t, exitProblem, "doctor")
	says(t, out, "A card can be used to log in.")
	calls, err := os.ReadFile(trace)
	if err != nil || !strings.Contains(string(calls), "C_GetTokenInfo") {
		t.Fatalf("the trace shows nothing: %v", err)
	}
	for _, call := range []string{"C_Login", "C_Sign", "C_SetPIN", "C_InitPIN"} {
		if strings.Contains(string(calls), call) {
			t.Errorf("%s was called", call)
		}
	}
}
