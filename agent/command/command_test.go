package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/dirs"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/workstation"
	"github.com/cpx-bridge/cpx-bridge/internal/language"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// program is the command line without the agent behind it.
var program = Program{
	Version: "test", System: "TESTOS", Toolkit: func(bool) string { return "" }, Display: func() bool { return false }, DisplayAnswers: func(context.Context) bool { return false },
	Icons: func() map[string][]byte {
		return map[string][]byte{"22x22/apps/cpx-bridge.png": nil, "48x48/apps/cpx-bridge.png": nil, "scalable/apps/cpx-bridge.svg": nil}
	},
	Serve: func(context.Context, Start) error { return errors.New("no agent in these tests") },
}

func TestMain(m *testing.M) {
	pkcs11.RunChildRole()
	testscript.Main(m, map[string]func(){"cpx-agent": func() {
		os.Exit(withOwnPorts(func() int { return program.Run(context.Background(), os.Args[1:], os.Stdout, os.Stderr) }))
	}})
}

// station is a workstation whose commands run in this process.
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

func (w station) report(t *testing.T, want int) state.Cards {
	t.Helper()
	out, _ := w.cpxAgent(t, want, "certs", "--json")
	var r state.Cards
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
		t.Error("a certificate is marked as chosen before anybody chose")
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

// noText is a key printed in place of its text.
var noText = regexp.MustCompile(`command\.[a-z]+\.[a-z]`)

// TestHelp: in both languages each command has help of its own, which names its
// options and exit statuses and fits a terminal's width.
func TestHelp(t *testing.T) {
	for _, lang := range []string{language.French, language.English} {
		seen := map[string]bool{}
		for _, c := range (&invocation{}).commands().Commands() {
			var out, errs bytes.Buffer
			if got := program.Run(t.Context(), []string{c.Name(), "--help", "--lang", lang}, &out, &errs); got != exitGood || errs.Len() > 0 {
				t.Errorf("%s: exit %d %s", c.Name(), got, errs.String())
			}
			text := out.String()
			plain := c.Name() == "version" || c.Name() == "completion"
			if seen[text] || !plain && !strings.Contains(text, map[string]string{"fr": "Code de retour : 0", "en": "Exit status: 0"}[lang]) {
				t.Errorf("%s: %s", c.Name(), text)
			}
			seen[text] = true
			for _, o := range options(usable(c)...) {
				if name, _, _ := strings.Cut(o.form, " "); c.Name() != "help" && !strings.Contains(text, "  "+name) {
					t.Errorf("%s does not mention %s", c.Name(), name)
				}
			}
			for _, line := range strings.Split(text, "\n") {
				if len([]rune(line)) > 80 || noText.MatchString(line) {
					t.Errorf("%s: too long for a terminal, or no text: %s", c.Name(), line)
				}
			}
		}
	}
}

// TestPolicyInForce: what no file sets is shown as it is on this machine.
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
	workstation.Contains(t, line("lang"), `"en"`, "the desktop’s")
	if found := pkcs11.DefaultModules(); len(found) > 0 {
		workstation.Contains(t, line("modules"), found[0], "default")
	}
	dir, err := dirs.State()
	if err != nil {
		t.Fatal(err)
	}
	if err := language.NewChoice(dir).Set("fr"); err != nil {
		t.Fatal(err)
	}
	workstation.Contains(t, line("lang"), `"fr"`, "choisie dans le menu")
	w.Settings(t, "lang = \"en\"\npinentry = \"/opt/x/pinentry\"\nmodules = [\"/opt/x.so\"]\n")
	workstation.Contains(t, line("pinentry"), "/opt/x/pinentry", w.Config)
	workstation.Contains(t, line("modules"), "/opt/x.so", w.Config)
}

// TestOwnTexts: a command addresses a person in the person's language, without log
// lines among the text.
func TestOwnTexts(t *testing.T) {
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
