package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/workstation"
)

// TestDiagnosisFromTheMenu: "Diagnostic" shows what doctor finds, and what its button copies
// names nobody: not the card's holder, nor their number, nor the card's, nor who sits at the
// workstation, nor the workstation, nor a site. What support needs is in it.
func TestDiagnosisFromTheMenu(t *testing.T) {
	const person = "martineau"
	p, _ := workstation.WithCard(t, virtual.CardOptions{Serial: "70319462"})
	s := testdesktop.NewScreen(t)
	s.Manage()
	host := testdesktop.NewTrayHost(t, p.Keyring.Bus)
	missing := filepath.Join("/home", person, "libcps3_pkcs11_lux.so")
	modules, err := filepath.Glob("/usr/lib/*/opensc-pkcs11.so")
	if err != nil || len(modules) == 0 {
		need.Lacks(t, "OpenSC's module")
	}
	const site = "https://portail.cabinet-martineau.example.fr"
	p.Settings(t, "modules = [%q, %q]\nlang = \"fr\"\n[origins]\nallow = [%q]\n[ports]\nfirst = %d\ncount = 5\n", modules[0], missing, site, workstation.FreePorts(t, 5))
	p.Keyring.Env = append(p.Keyring.Env, "DISPLAY="+s.Display, "USER="+person, "LOGNAME="+person)

	var cards state.Cards
	if err := json.Unmarshal(fromBrace(p.Runs(0, "certs", "--json")), &cards); err != nil || len(cards.Certificates) == 0 {
		t.Fatal(err, cards)
	}
	await := p.StartsAs(func(cmd *exec.Cmd) { cmd.Args = cmd.Args[:len(cmd.Args)-1] }) // with its menu
	await("msg=listening")
	m := host.Icon()
	m.Await("the card", func() bool { return m.Has("Carte prête") })
	m.Click("Diagnostic")
	window := s.Ready("^CPx Bridge · Diagnostic$") // not the one that says that it runs
	if to := os.Getenv("CPX_TEST_PICTURES"); to != "" {
		picture(t, s, filepath.Join(to, "diagnostic-fr.png"))
	}
	s.Do("windowfocus", "--sync", window)
	s.Do("key", "alt+c")
	s.Role(window, "cpx-copied")
	copied := clipboard(t, s)

	machine, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	private := []string{person, p.Keyring.Home, machine, "portail", "example.fr", "70319462"}
	for _, c := range cards.Certificates {
		private = append(private, c.Identifier, c.ID)
		private = append(private, strings.Fields(c.Holder)...)
	}
	for _, r := range cards.Readers {
		if r.Card != "" {
			private = append(private, r.Card)
		}
	}
	namesNobody := func(copied string) {
		t.Helper()
		for _, what := range private {
			if strings.Contains(strings.ToLower(copied), strings.ToLower(what)) {
				t.Errorf("%q goes to the hotline:\n%s", what, copied)
			}
		}
	}
	namesNobody(copied)
	for _, what := range []string{"CPx Bridge " + version, "linux/", "opensc-pkcs11.so", "libcps3_pkcs11_lux.so", "[cards/module_failed]", "[cards/card_usable]", "[agent/agent_runs]", "Virtual Reader", "→ Réinstallez ce module"} {
		if !strings.Contains(copied, what) {
			t.Errorf("%q is missing for the hotline:\n%s", what, copied)
		}
	}
	if i, j := strings.Index(copied, "✗"), strings.Index(copied, "✓"); i < 0 || i > j {
		t.Errorf("what is wrong does not stand first:\n%s", copied)
	}
	s.Do("key", "Escape")
	s.Gone("^CPx Bridge · Diagnostic$")

	// Nothing opens a log here.
	m.Click("Journal")
	window = s.Ready("CPx Bridge · Journal")
	if to := os.Getenv("CPX_TEST_PICTURES"); to != "" {
		picture(t, s, filepath.Join(to, "journal-fr.png"))
	}
	s.Do("windowfocus", "--sync", window)
	s.Do("key", "alt+c")
	s.Role(window, "cpx-copied")
	if log := clipboard(t, s); log != filepath.Join(p.Keyring.Home, "state", "cpx-bridge", "agent.log") {
		t.Errorf("copied %q", log)
	}
	s.Do("key", "Escape")

	// Nor does the window of the state, which the menu's entry opens.
	p.Runs(0, "run")
	window = s.Ready("CPx Bridge · État")
	if to := os.Getenv("CPX_TEST_PICTURES"); to != "" {
		picture(t, s, filepath.Join(to, "state-fr.png"))
	}
	s.Do("windowfocus", "--sync", window)
	s.Do("key", "alt+c")
	s.Role(window, "cpx-copied")
	copied = clipboard(t, s)
	namesNobody(copied)
	if !strings.Contains(copied, "opensc-pkcs11.so") {
		t.Error(copied)
	}
}

// clipboard is what a person would paste now.
func clipboard(t *testing.T, s *testdesktop.Screen) string {
	t.Helper()
	cmd := exec.Command(need.Program(t, "xsel"), "--clipboard", "--output")
	cmd.Env = append(os.Environ(), "DISPLAY="+s.Display)
	text, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func picture(t *testing.T, s *testdesktop.Screen, file string) {
	t.Helper()
	cmd := exec.Command(need.Program(t, "import"), "-window", "root", "-silent", file)
	cmd.Env = append(os.Environ(), "DISPLAY="+s.Display)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
