package main

import (
	"encoding/json"
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/doctor"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/jsonschema"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/winetest"
)

// linuxOnly is what nobody at a Windows workstation can do anything with.
var linuxOnly = regexp.MustCompile(`systemctl|pcscd|polkit|XDG_|/run/user|sudo|SELinux|ldconfig|gnome|KWallet|KeePassXC`)

// TestDoctorOnWindows: the program for Windows examines a Windows whose registry says
// that a terminal server gives a browser a loopback address of its own, and whose service
// for readers is missing, stopped or disabled; in French and English, for programs and
// for people.
func TestDoctorOnWindows(t *testing.T) {
	program := winetest.BuildWithC(t, ".")
	w := winetest.New(t)
	const policy = `HKLM\SOFTWARE\Policies\Citrix\TEST\VirtualIP`
	w.Run("reg", "add", policy, "/v", "VirtualLoopbackSupport", "/t", "REG_DWORD", "/d", "1")
	w.Run("reg", "add", policy, "/v", "VirtualLoopbackPrograms", "/t", "REG_MULTI_SZ", "/d", `crm.exe\0Chrome.exe`)
	said := map[string]string{}
	states := []struct {
		lang    string
		service []string // what is done first
		pcsc    string
	}{
		{"fr", nil, "no_pcsc_library"}, // Debian 12's wine has no such service
		{"en", []string{"create", "SCardSvr", "binPath=", `C:\windows\system32\svchost.exe`, "start=", "demand"}, "no_reader"},
		{"en", []string{"delete", "SCardSvr"}, "no_pcsc_library"},
		{"fr", []string{"create", "SCardSvr", "binPath=", `C:\windows\system32\svchost.exe`, "start=", "disabled"}, "pcsc_disabled"},
	}
	if testing.Short() { // a language each
		states = states[:2]
	}
	for i, c := range states {
		if c.service != nil {
			w.Run("sc", c.service...)
		}
		config := w.Path("users/config.toml")
		must(t, os.WriteFile(config, []byte("lang = \""+c.lang+"\"\n"), 0o600))
		examine := func(args ...string) string {
			cmd := w.Command(program, append(append([]string{"doctor"}, args...), "--config", `C:\users\config.toml`)...)
			var errs strings.Builder
			cmd.Stderr = &errs
			out, err := cmd.Output() // its status says that not all is well
			if cmd.ProcessState.ExitCode() != 1 || errs.Len() > 0 {
				t.Fatalf("%v, %s\n%s", err, errs.String(), out)
			}
			return string(out)
		}
		var r doctor.Report
		report := examine("--json")
		must(t, json.Unmarshal([]byte(report), &r))
		must(t, jsonschema.Check(doctor.Schema(), []byte(report)))
		text := ""
		if i < 2 { // once in each language
			text = examine()
		}
		for _, want := range []struct {
			check, code string
			outcome     doctor.Outcome
			has         string
		}{
			{"loopback", "virtual_loopback", doctor.Problem, "chrome.exe"},
			{"keyring", "keyring_open", doctor.Good, "Windows"},
			{"storage", "log_kept", doctor.Good, `CPxBridge\agent.log`},
			{"dialogs", "display_answers", doctor.Good, ""},
			{"pcsc", c.pcsc, doctor.Problem, ""},
			{"cards", "no_module", doctor.Problem, ""},
			{"agent", "no_agent", doctor.Problem, ""},
			{"autostart", "no_autostart", doctor.Problem, ""},
		} {
			n := slices.IndexFunc(r.Findings, func(f doctor.Finding) bool { return f.Check == want.check && f.Code == want.code })
			if n < 0 {
				t.Errorf("%s: no %s in %+v", c.lang, want.code, r.Findings)
				continue
			}
			f := r.Findings[n]
			if said[f.Code+c.lang] = f.Text; f.Outcome != want.outcome || !strings.Contains(f.Text, want.has) || said[f.Code+"fr"] == said[f.Code+"en"] {
				t.Errorf("%s: %+v", c.lang, f)
			}
			shown := "✗ " + f.Text + "\n"
			if f.Next != "" {
				shown += "    → " + f.Next + "\n"
			}
			if text != "" && f.Outcome == doctor.Problem && !strings.Contains(text, shown) {
				t.Errorf("%s: %q is not in the text:\n%s", c.lang, shown, text)
			}
		}
		if bad := linuxOnly.FindString(text); bad != "" || r.System != "windows" {
			t.Errorf("%s, on %s: %q in\n%s", c.lang, r.System, bad, text)
		}
	}

	// As the documents' detection script runs it.
	cmd := w.Command(program, "doctor", "--json", "--lang", "en", "--scope", "machine")
	out, _ := cmd.Output() // its status says that not all is well
	var r doctor.Report
	must(t, errors.Join(json.Unmarshal(out, &r), jsonschema.Check(doctor.Schema(), out)))
	var problems []string
	for _, f := range r.Findings {
		if f.Scope != doctor.OfMachine {
			t.Errorf("%+v", f)
		}
		if f.Outcome == doctor.Problem {
			problems = append(problems, f.Code)
		}
	}
	for _, code := range []string{"no_module", "no_autostart", "virtual_loopback"} {
		if !slices.Contains(problems, code) {
			t.Errorf("%q lacks %s", problems, code)
		}
	}
	if cmd.ProcessState.ExitCode() != 1 || slices.IndexFunc(out, func(b byte) bool { return b > '~' }) >= 0 {
		t.Errorf("status %d: %s", cmd.ProcessState.ExitCode(), out)
	}
}
