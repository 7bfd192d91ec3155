package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/doctor"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/jsonschema"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/workstation"
)

// TestDoctor runs the command with a card, a keyring and an agent.
func TestDoctor(t *testing.T) {
	const count = 5
	first := workstation.FreePorts(t, 3*count)
	p := workstation.NewPerson(t, "lang = \"fr\"\n[ports]\nfirst = %d\ncount = %d\n[wss]\nenabled = true\nfirst = %d\ncount = %d\n", first, count, first+count, count)
	p.NewDatabase()
	var cards state.Cards
	if err := json.Unmarshal(fromBrace(p.Runs(0, "certs", "--json")), &cards); err != nil {
		t.Fatal(err)
	}
	var holders []string
	for _, c := range cards.Certificates {
		holders = append(holders, c.Holder, c.Identifier)
	}
	check := func(want ...string) {
		t.Helper()
		text := p.Runs(1, "doctor", "--json") // because there is neither PC/SC nor a display
		var r doctor.Report
		if err := json.Unmarshal(fromBrace(text), &r); err != nil || r.Version != 1 || r.Outcome != doctor.Problem {
			t.Fatalf("%v in %s", err, text)
		}
		must(t, jsonschema.Check(doctor.Schema(), fromBrace(text)))
		var codes []string
		for _, f := range r.Findings {
			codes = append(codes, f.Code)
		}
		for _, code := range want {
			if not := strings.TrimPrefix(code, "!"); slices.Contains(codes, not) == (not != code) {
				t.Errorf("%s: %v", code, codes)
			}
		}
		for _, personal := range append(holders, p.Keyring.Home) {
			if strings.Contains(text, personal) {
				t.Errorf("the report names %s: %s", personal, text)
			}
		}
	}
	check("settings_taken", "module_works", "card_usable", "keyring_open", "no_agent", "wss_no_certificate", "no_portal_named")
	await := p.Starts()
	await("msg=listening")
	p.Runs(0, "wss", "install")
	await("wss=true")
	check("agent_runs", "agent_serves_wss", "!no_agent", "wss_ready")
	p.Keyring.Lock()
	check("keyring_locked", "wss_no_certificate")
	p.Keyring.Unlock()
	if err := os.RemoveAll(p.Database()); err != nil {
		t.Fatal(err)
	}
	check("wss_not_trusted")
	p.Runs(0, "wss", "remove")
	check("wss_no_certificate", "!wss_left")

	workstation.Contains(t, p.Runs(1, "doctor", "--identity"), holders[0])
	workstation.Contains(t, p.Runs(1, "doctor"), "✓ CPx Bridge fonctionne sur le port", "✗ wss ne peut être servi", "✓ Le trousseau de clés est ouvert.")
	followed := p.Config
	p.Config = filepath.Join(t.TempDir(), "other.toml") // the agent would follow a change of its own to these ports
	elsewhere := fmt.Sprintf("modules = [%q]\nlang = \"en\"\n[ports]\nfirst = %d\ncount = %d\n", filepath.Join(p.Dir, "missing.so"), first+2*count, count)
	must(t, os.WriteFile(p.Config, []byte(elsewhere), 0o600))
	workstation.Contains(t, p.Runs(1, "doctor"), "✗ Module ", "this file does not exist", "    → Install this module again", "CPx Bridge does not run")
	must(t, os.WriteFile(p.Config, []byte("colour = 1\n"), 0o600))
	workstation.Contains(t, p.Runs(1, "doctor"), "colour")
	p.Config = followed
}

// fromBrace skips the log lines before the report.
func fromBrace(text string) []byte { return []byte(text[strings.Index(text, "{"):]) }
