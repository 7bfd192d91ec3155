package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent"
	"github.com/cpx-bridge/cpx-bridge/agent/sites"
	"github.com/cpx-bridge/cpx-bridge/internal/catalogue"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

func TestSiteWords(t *testing.T) { catalogue.Check(t, siteTexts) }

func (w workstation) sites(t *testing.T, want int, args ...string) (r siteReport) {
	t.Helper()
	out, _ := w.cpxAgent(t, want, append([]string{"sites", "--json"}, args...)...)
	if err := json.Unmarshal([]byte(out), &r); err != nil || r.Sites == nil {
		t.Fatalf("%v in %s", err, out)
	}
	return r
}

// says runs sites and looks for what it must print.
func (w workstation) says(t *testing.T, want int, args []string, parts ...string) {
	t.Helper()
	out, errs := w.cpxAgent(t, want, append([]string{"sites"}, args...)...)
	for _, part := range parts {
		if !strings.Contains(out+errs, part) {
			t.Errorf("%v: %q is missing:\n%s%s", args, part, out, errs)
		}
	}
}

func TestSites(t *testing.T) {
	w := newWorkstation(t)
	w.says(t, exitProblem, nil, "Ce poste n’a pas de trousseau de clés")
	if r := w.sites(t, exitProblem); r.Problem != "no_keyring" || len(r.Sites) != 0 {
		t.Errorf("%+v", r)
	}

	keyring := testdesktop.NewKeyring(t, "")
	keyring.Use()
	w.says(t, exitGood, nil, "Sites toujours autorisés :", "aucun")
	dir, err := agent.StateDir()
	if err != nil {
		t.Fatal(err)
	}
	store := sites.New(sites.Options{Dir: dir})
	const one, two = "https://portail.example.fr", "https://autre.example.fr:8443"
	for _, origin := range []string{one, two} {
		if _, err := store.Add(t.Context(), origin); err != nil {
			t.Fatal(err)
		}
	}
	w.says(t, exitGood, nil, one, two, "depuis le ")
	w.settings(t, "modules = [%q]\nlang = \"en\"\n[origins]\nblock = [%q]\nallow = [%q]\n", w.module, one, two)
	w.says(t, exitGood, nil, one, "blocked by the settings", "allowed by the settings too", "since ")
	if r := w.sites(t, exitGood); len(r.Sites) != 2 || r.Sites[0].Effective || !r.Sites[1].Effective || r.Problem != "" || r.Sites[0].Since.IsZero() {
		t.Errorf("%+v", r)
	}
	w.settings(t, "modules = [%q]\nlang = \"fr\"\n[origins]\nmode = \"listed\"\n", w.module)
	w.says(t, exitGood, nil, "sans effet")

	w.says(t, exitProblem, []string{"forget", "https://autre.example.fr"}, "pas dans la liste")
	w.says(t, exitUsage, []string{"forget", "portail.example.fr"}, "https://portail.example.fr")
	w.says(t, exitGood, []string{"forget", one}, "Oublié : "+one)
	w.says(t, exitProblem, []string{"forget", one}, "pas dans la liste")
	if r := w.sites(t, exitProblem, "forget", one); r.Problem != "not_remembered" {
		t.Errorf("%+v", r)
	}
	if r := w.sites(t, exitGood, "forget", two); len(r.Sites) != 0 || r.Problem != "" {
		t.Errorf("%+v", r)
	}

	if _, err := store.Add(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	keyring.Lock()
	if r := w.sites(t, exitProblem); r.Problem != "keyring_locked" || strings.Contains(r.Message, "oublié") {
		t.Errorf("%+v", r)
	}
	// The site stays, and counts again once the keyring opens.
	if r := w.sites(t, exitProblem, "forget", one); r.Problem != "keyring_locked" || !strings.HasPrefix(r.Message, "Ce site n’a pas pu être oublié : ") {
		t.Errorf("%+v", r)
	}
	w.settings(t, "modules = [%q]\nlang = \"en\"\n", w.module)
	if r := w.sites(t, exitProblem, "forget", one); !strings.HasPrefix(r.Message, "This site could not be forgotten: ") {
		t.Errorf("%+v", r)
	}
	keyring.Unlock()
	if r := w.sites(t, exitGood); len(r.Sites) != 1 {
		t.Errorf("%+v", r)
	}
	if names, _ := filepath.Glob(filepath.Join(dir, "sites-aside-*")); len(names) != 0 {
		t.Errorf("put aside: %v", names)
	}
}

// TestForgetWithoutTheBus: from a shell that reaches no keyring, as over ssh, the
// running agent forgets, and says what is left.
func TestForgetWithoutTheBus(t *testing.T) {
	p := newPerson(t, "")
	p.keyring.Use()
	store := sites.New(sites.Options{Dir: filepath.Join(p.keyring.Home, "state", "cpx-bridge")})
	const one, two, three = "https://un.example.fr", "https://deux.example.fr", "https://trois.example.fr"
	for _, origin := range []string{one, two, three} {
		if _, err := store.Add(t.Context(), origin); err != nil {
			t.Fatal(err)
		}
	}
	p.starts()("msg=listening")
	withoutBus := func(args ...string) string {
		t.Helper()
		cmd := p.command(append([]string{"sites"}, args...)...)
		cmd.Env = append(cmd.Env, "DBUS_SESSION_BUS_ADDRESS=disabled:")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %v %s", args, err, out)
		}
		return string(out)
	}
	says(t, withoutBus("forget", one), "Oublié : "+one)
	var r siteReport
	if err := json.Unmarshal([]byte(withoutBus("--json", "forget", two)), &r); err != nil || len(r.Sites) != 1 || r.Sites[0].Origin != three || r.Problem != "" {
		t.Errorf("%+v %v", r, err)
	}
	if list, err := store.List(t.Context()); err != nil || len(list.Sites) != 1 {
		t.Errorf("%+v %v", list, err)
	}
}
