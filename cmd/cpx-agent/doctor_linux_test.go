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

// TestDoctorWithoutToolkit: a library of the desktop that cannot be loaded is named, for whoever asks
// and for an inventory, and no display is blamed for it.
func TestDoctorWithoutToolkit(t *testing.T) {
	p := workstation.NewPerson(t, "lang = \"fr\"\n")
	t.Setenv("DISPLAY", ":99999")
	for _, c := range []struct {
		library   string
		has, none []string
		next      string
	}{
		{"libgtk-3.so.0", []string{"no_toolkit"}, []string{"no_panel_library", "no_display", "display_answers", "dialog_window"}, "libgtk-3-0"},
		{"libayatana-appindicator3.so.1", []string{"no_panel_library", "no_display"}, []string{"no_toolkit"}, "libayatana-appindicator3-1"},
	} {
		folder := t.TempDir()
		must(t, os.WriteFile(filepath.Join(folder, c.library), []byte("TEST"), 0o600))
		t.Setenv("LD_LIBRARY_PATH", folder)
		for _, scope := range []string{"", "machine"} {
			args := []string{"doctor", "--json"}
			if scope != "" {
				args = append(args, "--scope="+scope)
			}
			var r doctor.Report
			if text := fromBrace(p.Runs(1, args...)); json.Unmarshal(text, &r) != nil || jsonschema.Check(doctor.Schema(), text) != nil {
				t.Fatalf("%s", text)
			}
			for _, f := range r.Findings {
				if f.Code == c.has[0] && (f.Outcome != doctor.Notice || !strings.Contains(f.Text, c.library) || !strings.Contains(f.Next, c.next)) {
					t.Errorf("%+v", f)
				}
				if slices.Contains(c.none, f.Code) {
					t.Errorf("%s, %q: %+v", c.library, scope, f)
				}
			}
			for _, code := range c.has {
				if !slices.ContainsFunc(r.Findings, func(f doctor.Finding) bool { return f.Code == code }) && (scope == "" || code != "no_display") {
					t.Errorf("%s, %q: no %s in %+v", c.library, scope, code, r.Findings)
				}
			}
		}
	}
}

// fromBrace skips the log lines before the report.
func fromBrace(text string) []byte { return []byte(text[strings.Index(text, "{"):]) }
