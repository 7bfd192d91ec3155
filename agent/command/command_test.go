package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent"
	"github.com/cpx-bridge/cpx-bridge/internal/catalogue"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/workstation"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// program is the command line without the agent behind it.
var program = Program{
	Version: "dev", Display: func() bool { return false }, DisplayAnswers: func(context.Context) bool { return false },
	Serve: func(context.Context, Start) error { return errors.New("no agent in these tests") },
}

func TestMain(m *testing.M) {
	workstation.Main(m, func() { os.Exit(program.Run(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) })
}

// station is a workstation at which commands are run in this process.
type station struct{ *workstation.Workstation }

func newStation(t *testing.T, cards ...string) station {
	t.Helper()
	return station{workstation.New(t, cards...)}
}

// cpxAgent runs the command with the workstation's settings.
func (w station) cpxAgent(t *testing.T, want int, args ...string) (string, string) {
	t.Helper()
	var out, errs bytes.Buffer
	if got := program.Run(t.Context(), append([]string{"--config", w.Config}, args...), &out, &errs); got != want {
		t.Fatalf("cpx-agent %v: exit %d, want %d\n%s%s", args, got, want, out.String(), errs.String())
	}
	return out.String(), errs.String()
}

func (w station) report(t *testing.T, want int) agent.CardReport {
	t.Helper()
	out, _ := w.cpxAgent(t, want, "certs", "--json")
	var r agent.CardReport
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return r
}

func TestCerts(t *testing.T) {
	w := newStation(t, "cps", "expired", "technical")
	out, _ := w.cpxAgent(t, exitGood, "certs")
	for _, part := range []string{"Lecteurs :", "Certificats :", "utilisable", "expiré", "ne sert pas à s’identifier", "clé sans code porteur", "CPS"} {
		if !strings.Contains(out, part) {
			t.Errorf("%q is missing:\n%s", part, out)
		}
	}
	w.Settings(t, "modules = [%q]\nlang = \"en\"\n", w.Module)
	out, _ = w.cpxAgent(t, exitGood, "certs")
	for _, part := range []string{"Readers:", "usable", "expired", "not for logging in", "key without a PIN"} {
		if !strings.Contains(out, part) {
			t.Errorf("%q is missing:\n%s", part, out)
		}
	}
	r := w.report(t, exitGood)
	usable := 0
	for _, c := range r.Certificates {
		if c.Usable != (c.Reason == "") || c.Holder == "" || len(c.ID) != 64 {
			t.Errorf("%+v", c)
		}
		if c.Usable {
			usable++
		}
	}
	if len(r.Modules) != 1 || r.Modules[0].Error != "" || len(r.Readers) != 3 || usable != 1 || len(r.Certificates) != 5 {
		t.Errorf("%+v", r)
	}
}

func TestCertsUse(t *testing.T) {
	w := newStation(t, "cps", "cpf", "expired")
	chosen := func() (ids []string) {
		for _, c := range w.report(t, exitGood).Certificates {
			if c.Chosen {
				ids = append(ids, c.ID)
			}
		}
		return ids
	}
	if len(chosen()) != 0 {
		t.Error("one is chosen before anybody chose")
	}
	var wanted, expired string
	for _, c := range w.report(t, exitGood).Certificates {
		switch {
		case c.Usable && c.Kind == "CPF":
			wanted = c.ID
		case c.Reason == "expired":
			expired = c.ID
		}
	}
	w.cpxAgent(t, exitGood, "certs", "use", strings.ToUpper(wanted[:16]))
	if got := chosen(); len(got) != 1 || got[0] != wanted {
		t.Errorf("%v, want %s", got, wanted)
	}
	if out, _ := w.cpxAgent(t, exitGood, "certs"); !strings.Contains(out, "← prochaine connexion") {
		t.Error(out)
	}
	for arg, says := range map[string]string{"zz": "ne commence par « zz »", expired: "expiré", "": "ne commence par"} {
		if _, errs := w.cpxAgent(t, exitProblem, "certs", "use", arg); !strings.Contains(errs, says) {
			t.Errorf("%q: %s", arg, errs)
		}
	}
	if got := chosen(); len(got) != 1 || got[0] != wanted {
		t.Errorf("a refused choice changed it: %v", got)
	}
}

func TestCertsWithoutCardOrModule(t *testing.T) {
	w := newStation(t)
	_, errs := w.cpxAgent(t, exitProblem, "certs")
	if !strings.Contains(errs, "/nowhere/module.so") {
		t.Error(errs)
	}
	r := w.report(t, exitProblem)
	if len(r.Modules) != 1 || r.Modules[0].Error == "" || r.Certificates == nil || r.Readers == nil {
		t.Errorf("%+v", r)
	}
	w.cpxAgent(t, exitProblem, "certs", "use", "00")
}

func TestPolicy(t *testing.T) {
	w := newStation(t)
	out, _ := w.cpxAgent(t, exitGood, "policy")
	for _, part := range []string{"modules", "/nowhere/module.so", w.Config, "lang"} {
		if !strings.Contains(out, part) {
			t.Errorf("%q is missing:\n%s", part, out)
		}
	}
	w.Settings(t, "modules = \"one\"\n")
	_, errs := w.cpxAgent(t, exitUsage, "policy")
	if !strings.Contains(errs, w.Config+":1: modules") {
		t.Error(errs)
	}
	w.Settings(t, "colour = \"red\"\n")
	if _, errs := w.cpxAgent(t, exitUsage, "run"); !strings.Contains(errs, "colour") {
		t.Error(errs)
	}
	w.Config = filepath.Join(w.Dir, "missing.toml")
	if _, errs := w.cpxAgent(t, exitUsage, "policy"); !strings.Contains(errs, "missing.toml") {
		t.Error(errs)
	}
}

func TestUsage(t *testing.T) {
	for _, c := range []struct {
		args []string
		exit int
		says string
	}{
		{[]string{"version"}, exitGood, "cpx-agent dev"},
		{[]string{"help"}, exitGood, "Usage: cpx-agent"},
		{[]string{"-h"}, exitGood, "Usage: cpx-agent"},
		{[]string{"--help"}, exitGood, "Exit status: 0 good, 1 a problem was found"},
		{[]string{"help", "wss"}, exitGood, "Usage: cpx-agent wss"},
		{[]string{"help", "fly"}, exitUsage, `unknown command "fly"`},
		{[]string{"fly", "--help"}, exitUsage, `unknown command "fly"`},
		{[]string{"fly"}, exitUsage, `unknown command "fly"; there are run, certs, `},
		{[]string{"fly", "--json"}, exitUsage, `unknown command "fly"`},
		{[]string{"certs", "use"}, exitUsage, "certs use needs the certificate"},
		{[]string{"certs", "list"}, exitUsage, `certs takes use, not "list"`},
		{[]string{"certs", "use", "3f", "2a"}, exitUsage, `"2a" is too much`},
		{[]string{"sites", "forget"}, exitUsage, "sites forget needs the site"},
		{[]string{"sites", "list", "all"}, exitUsage, `sites takes forget, not "list"`},
		{[]string{"autostart", "now"}, exitUsage, `autostart takes status, enable, disable, not "now"`},
		{[]string{"autostart", "enable", "now"}, exitUsage, `"now" is too much`},
		{[]string{"wss"}, exitUsage, "wss needs one of install, remove, status"},
		{[]string{"wss", "renew"}, exitUsage, `not "renew"`},
		{[]string{"doctor", "now"}, exitUsage, `doctor takes nothing more: "now"`},
		{[]string{"version", "now"}, exitUsage, `version takes nothing more: "now"`},
		{[]string{"policy", "--json"}, exitUsage, "--json belongs to certs, sites and doctor"},
		{[]string{"certs", "--identity"}, exitUsage, "--identity belongs to doctor"},
		{[]string{"certs", "--no-tray"}, exitUsage, "--no-tray belongs to run"},
		{[]string{"certs", "--lang", "de"}, exitUsage, "the languages are fr and en"},
		{[]string{"run", "--lang", "fr"}, exitUsage, "the setting lang"},
		{[]string{"--colour"}, exitUsage, "unknown option --colour"},
		{[]string{"certs", "--config"}, exitUsage, "a value is missing after --config"},
	} {
		var out, errs bytes.Buffer
		if got := program.Run(t.Context(), c.args, &out, &errs); got != c.exit || !strings.Contains(out.String()+errs.String(), c.says) {
			t.Errorf("%v: exit %d, %q %q", c.args, got, out.String(), errs.String())
		}
		if c.exit == exitUsage && (strings.Count(errs.String(), "\n") != 2 || !strings.Contains(errs.String(), "--help` says") || out.Len() > 0) {
			t.Errorf("%v: the line that helps is not alone: %s", c.args, errs.String())
		}
	}
}

// TestHelp: each command's help is its own, and tells the exit statuses.
func TestHelp(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range specs {
		var out, errs bytes.Buffer
		if got := program.Run(t.Context(), []string{s.name, "--help"}, &out, &errs); got != exitGood || errs.Len() > 0 {
			t.Errorf("%s: exit %d %s", s.name, got, errs.String())
		}
		text := out.String()
		if seen[text] || !strings.HasPrefix(text, "Usage: cpx-agent ") || s.name != "version" && !strings.Contains(text, "Exit status: 0") {
			t.Errorf("%s: %s", s.name, text)
		}
		seen[text] = true
		for _, option := range s.flags {
			if !strings.Contains(text, "--"+option) {
				t.Errorf("%s does not tell of --%s", s.name, option)
			}
		}
		for _, line := range strings.Split(text, "\n") {
			if len(line) > 82 {
				t.Errorf("%s: too long for a terminal: %s", s.name, line)
			}
		}
	}
}

// TestLang: --lang wins over settings, menu and desktop, for what a command prints;
// where the desktop says nothing, it is French.
func TestLang(t *testing.T) {
	w := newStation(t)
	w.Settings(t, "")
	t.Setenv("LC_ALL", "")
	t.Setenv("LC_MESSAGES", "")
	for _, c := range []struct{ env, settings, option, says string }{
		{"C", "", "", "ne démarre pas"}, {"C.UTF-8", "", "", "ne démarre pas"}, {"POSIX", "", "", "ne démarre pas"}, {"", "", "", "ne démarre pas"},
		{"fr_FR.UTF-8", "", "", "ne démarre pas"}, {"en_GB.UTF-8", "", "", "does not start"}, {"de_DE.UTF-8", "", "", "does not start"},
		{"C", "", "en", "does not start"}, {"en_GB.UTF-8", "", "fr", "ne démarre pas"}, {"C", "lang = \"en\"", "fr", "ne démarre pas"}, {"C", "lang = \"en\"", "", "does not start"},
	} {
		t.Setenv("LANG", c.env)
		w.Settings(t, "%s", c.settings)
		args := []string{"autostart"}
		if c.option != "" {
			args = append(args, "--lang", c.option)
		}
		if out, _ := w.cpxAgent(t, exitGood, args...); !strings.Contains(out, c.says) {
			t.Errorf("%+v: %s", c, out)
		}
	}
}

// TestPolicyInForce: what no file says is shown as it is on this machine.
func TestPolicyInForce(t *testing.T) {
	w := newStation(t)
	w.Settings(t, "")
	bin := t.TempDir()
	pinentry := filepath.Join(bin, "pinentry-qt")
	if err := os.WriteFile(pinentry, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin)
	for _, name := range []string{"DISPLAY", "WAYLAND_DISPLAY", "LC_ALL", "LC_MESSAGES"} {
		t.Setenv(name, "")
	}
	t.Setenv("LANG", "en_GB.UTF-8")
	line := func(key string) string {
		t.Helper()
		out, _ := w.cpxAgent(t, exitGood, "policy")
		for _, l := range strings.Split(out, "\n") {
			if strings.HasPrefix(l, key+" ") {
				return l
			}
		}
		t.Fatalf("no %s in %s", key, out)
		return ""
	}
	workstation.Contains(t, line("pinentry"), pinentry, "found on PATH")
	workstation.Contains(t, line("lang"), `"en"`, "the desktop's")
	if found := pkcs11.DefaultModules(); len(found) > 0 {
		workstation.Contains(t, line("modules"), found[0], "default")
	}
	dir, err := agent.StateDir()
	if err != nil {
		t.Fatal(err)
	}
	if err := agent.NewLanguageChoice(dir).Set("fr"); err != nil {
		t.Fatal(err)
	}
	workstation.Contains(t, line("lang"), `"fr"`, "chosen in the menu")
	w.Settings(t, "lang = \"en\"\npinentry = \"/opt/x/pinentry\"\nmodules = [\"/opt/x.so\"]\n")
	workstation.Contains(t, line("pinentry"), "/opt/x/pinentry", w.Config)
	workstation.Contains(t, line("modules"), "/opt/x.so", w.Config)
}

// TestOwnWords: what a command says to a person is in the person's language, and
// no log stands among it.
func TestOwnWords(t *testing.T) {
	w := newStation(t, "cps", "cpf")
	for lang, c := range map[string][3]string{
		"fr": {"aucun certificat d’une carte", "Aucun certificat", "servie par ce poste"},
		"en": {"no certificate on a card", "No certificate", "this machine serves"},
	} {
		_, errs := w.cpxAgent(t, exitProblem, "certs", "use", "zz", "--lang", lang)
		workstation.Contains(t, errs, c[0])
		if strings.Contains(errs, "level=") || strings.Count(errs, "\n") != 1 {
			t.Error(errs)
		}
		out, errs := w.cpxAgent(t, exitGood, "certs", "--lang", lang)
		if strings.Contains(out+errs, "level=") || errs != "" {
			t.Error(out, errs)
		}
		out, errs = w.cpxAgent(t, exitProblem, "wss", "status", "--lang", lang)
		workstation.Contains(t, out, c[1])
		if strings.Contains(out+errs, "localcert") {
			t.Error(out, errs)
		}
		_, errs = w.cpxAgent(t, exitUsage, "policy", "browsers", "--origin", "http://localhost:8080", "--lang", lang)
		workstation.Contains(t, errs, c[2])
		if strings.Contains(errs, "browsers:") {
			t.Error(errs)
		}
	}
}

func TestTexts(t *testing.T) { catalogue.Check(t, texts) }

func TestAutostart(t *testing.T) {
	w := newStation(t)
	t.Setenv("XDG_CONFIG_DIRS", filepath.Join(w.Dir, "xdg"))
	entry := filepath.Join(os.Getenv("XDG_CONFIG_HOME"), "autostart", "cpx-bridge.desktop")
	for lang, words := range map[string][3]string{
		"fr": {"CPx Bridge ne démarre pas avec votre session.", "CPx Bridge démarre avec votre session : ", "n’existe pas"},
		"en": {"CPx Bridge does not start with your desktop.", "CPx Bridge starts with your desktop: ", "does not exist"},
	} {
		w.Settings(t, "lang = %q\n", lang)
		if err := os.RemoveAll(entry); err != nil {
			t.Fatal(err)
		}
		says := func(exit int, want string, args ...string) {
			t.Helper()
			if out, _ := w.cpxAgent(t, exit, append([]string{"autostart"}, args...)...); out != want+"\n" {
				t.Errorf("%v: %q, want %q", args, out, want)
			}
		}
		says(exitGood, words[0])
		says(exitGood, words[1]+entry, "enable")
		says(exitGood, words[1]+entry, "status")
		says(exitGood, words[0]+" ("+entry+")", "disable")
		if err := os.WriteFile(entry, []byte("[Desktop Entry]\nTryExec=/nonexistent/x\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, _ := w.cpxAgent(t, exitProblem, "autostart"); !strings.Contains(out, words[2]) || !strings.Contains(out, "/nonexistent/x") {
			t.Error(out)
		}
	}
}
