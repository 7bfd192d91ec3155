package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent"
	"github.com/cpx-bridge/cpx-bridge/internal/catalogue"
	"github.com/cpx-bridge/cpx-bridge/internal/democard"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// asProgram makes the test program cpx-agent itself, in a process of its own.
const asProgram = "CPX_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	pkcs11.RunChildRole()
	runDisplayRole()
	if os.Getenv(asProgram) != "" {
		main()
	}
	// The race detector sleeps for a second at each process's end.
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// workstation is a home of its own with real cards and a settings file.
type workstation struct {
	dir, config, module string
}

func newWorkstation(t *testing.T, cards ...string) workstation {
	t.Helper()
	w := workstation{dir: t.TempDir()}
	for _, name := range []string{"HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"} {
		dir := filepath.Join(w.dir, strings.ToLower(name))
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		t.Setenv(name, dir)
	}
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "disabled:") // the tester's own keyring and desktop are no part of it
	made, err := democard.Make(filepath.Join(w.dir, "cards"), cards, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("SOFTHSM2_CONF", filepath.Join(w.dir, "cards", "softhsm2.conf"))
	w.module = "/nowhere/module.so"
	if len(made) > 0 {
		w.module = made[0].Module
	}
	w.settings(t, "modules = [%q]\nlang = \"fr\"\n", w.module)
	return w
}

func (w *workstation) settings(t *testing.T, format string, args ...any) {
	t.Helper()
	w.config = filepath.Join(w.dir, "config.toml")
	if err := os.WriteFile(w.config, fmt.Appendf(nil, format, args...), 0o600); err != nil {
		t.Fatal(err)
	}
}

// cpxAgent runs the command with the workstation's settings.
func (w workstation) cpxAgent(t *testing.T, want int, args ...string) (string, string) {
	t.Helper()
	var out, errs bytes.Buffer
	if got := command(t.Context(), append([]string{"--config", w.config}, args...), &out, &errs); got != want {
		t.Fatalf("cpx-agent %v: exit %d, want %d\n%s%s", args, got, want, out.String(), errs.String())
	}
	return out.String(), errs.String()
}

func (w workstation) report(t *testing.T, want int) agent.CardReport {
	t.Helper()
	out, _ := w.cpxAgent(t, want, "certs", "--json")
	var r agent.CardReport
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return r
}

func TestCerts(t *testing.T) {
	w := newWorkstation(t, "cps", "expired", "technical")
	out, _ := w.cpxAgent(t, exitGood, "certs")
	for _, part := range []string{"Lecteurs :", "Certificats :", "utilisable", "expiré", "ne sert pas à s’identifier", "clé sans code porteur", "CPS"} {
		if !strings.Contains(out, part) {
			t.Errorf("%q is missing:\n%s", part, out)
		}
	}
	w.settings(t, "modules = [%q]\nlang = \"en\"\n", w.module)
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
	w := newWorkstation(t, "cps", "cpf", "expired")
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
	for arg, says := range map[string]string{"zz": "no certificate on a card begins with", expired: "expiré", "": "no certificate"} {
		if _, errs := w.cpxAgent(t, exitProblem, "certs", "use", arg); !strings.Contains(errs, says) {
			t.Errorf("%q: %s", arg, errs)
		}
	}
	if got := chosen(); len(got) != 1 || got[0] != wanted {
		t.Errorf("a refused choice changed it: %v", got)
	}
}

func TestCertsWithoutCardOrModule(t *testing.T) {
	w := newWorkstation(t)
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
	w := newWorkstation(t)
	out, _ := w.cpxAgent(t, exitGood, "policy")
	for _, part := range []string{"modules", "/nowhere/module.so", w.config, "lang"} {
		if !strings.Contains(out, part) {
			t.Errorf("%q is missing:\n%s", part, out)
		}
	}
	w.settings(t, "modules = \"one\"\n")
	_, errs := w.cpxAgent(t, exitUsage, "policy")
	if !strings.Contains(errs, w.config+":1: modules") {
		t.Error(errs)
	}
	w.settings(t, "colour = \"red\"\n")
	if _, errs := w.cpxAgent(t, exitUsage, "run"); !strings.Contains(errs, "colour") {
		t.Error(errs)
	}
	w.config = filepath.Join(w.dir, "missing.toml")
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
		{[]string{"fly"}, exitUsage, `unknown command "fly"`},
		{[]string{"certs", "use"}, exitUsage, "unknown command"},
		{[]string{"sites", "forget"}, exitUsage, "unknown command"},
		{[]string{"sites", "list", "all"}, exitUsage, "unknown command"},
		{[]string{"autostart", "now"}, exitUsage, "unknown command"},
		{[]string{"autostart", "enable", "now"}, exitUsage, "unknown command"},
		{[]string{"version", "now"}, exitUsage, "unknown command"},
		{[]string{"policy", "--json"}, exitUsage, "--json belongs to certs"},
		{[]string{"certs", "--identity"}, exitUsage, "--identity belongs to doctor"},
		{[]string{"certs", "--no-tray"}, exitUsage, "--no-tray belongs to run"},
		{[]string{"--colour"}, exitUsage, "colour"},
	} {
		var out, errs bytes.Buffer
		if got := command(t.Context(), c.args, &out, &errs); got != c.exit || !strings.Contains(out.String()+errs.String(), c.says) {
			t.Errorf("%v: exit %d, %q %q", c.args, got, out.String(), errs.String())
		}
	}
}

func TestTexts(t *testing.T) { catalogue.Check(t, texts) }

func TestAutostart(t *testing.T) {
	w := newWorkstation(t)
	t.Setenv("XDG_CONFIG_DIRS", filepath.Join(w.dir, "xdg"))
	entry := filepath.Join(os.Getenv("XDG_CONFIG_HOME"), "autostart", "cpx-bridge.desktop")
	for lang, words := range map[string][3]string{
		"fr": {"CPx Bridge ne démarre pas avec votre session.", "CPx Bridge démarre avec votre session : ", "n’existe pas"},
		"en": {"CPx Bridge does not start with your desktop.", "CPx Bridge starts with your desktop: ", "does not exist"},
	} {
		w.settings(t, "lang = %q\n", lang)
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

// started is a log that ends the agent as soon as it serves.
type started struct {
	text bytes.Buffer
	stop context.CancelFunc
	seen bool
}

func (s *started) Write(text []byte) (int, error) {
	if bytes.Contains(text, []byte("msg=listening")) {
		s.seen = true
		s.stop()
	}
	return s.text.Write(text)
}

func TestRunServesUntilItsContextEnds(t *testing.T) {
	w := newWorkstation(t, "cps")
	w.settings(t, "modules = [%q]\n", w.module)
	ctx, stop := context.WithCancel(t.Context())
	log := &started{stop: stop}
	code := command(ctx, []string{"--config", w.config, "run", "--no-tray"}, &bytes.Buffer{}, log)
	if code != exitGood || !log.seen {
		t.Errorf("exit %d: %s", code, log.text.String())
	}
}

func TestRunWithoutAFreePort(t *testing.T) {
	w := newWorkstation(t)
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	w.settings(t, "modules = [%q]\n[ports]\nfirst = %d\ncount = 1\n", w.module, l.Addr().(*net.TCPAddr).Port)
	if _, errs := w.cpxAgent(t, exitProblem, "run", "--no-tray"); !strings.Contains(errs, "no free port") {
		t.Error(errs)
	}
}
