package command

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/sites"
	"github.com/cpx-bridge/cpx-bridge/internal/dirs"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

func (w station) sites(t *testing.T, want int, args ...string) (r siteReport) {
	t.Helper()
	out, _ := w.cpxAgent(t, want, append([]string{"sites", "--json"}, args...)...)
	if err := json.Unmarshal([]byte(out), &r); err != nil || r.Sites == nil {
		t.Fatalf("%v in %s", err, out)
	}
	return r
}

// says runs sites and requires each part in its output.
func (w station) says(t *testing.T, want int, args []string, parts ...string) {
	t.Helper()
	out, errs := w.cpxAgent(t, want, append([]string{"sites"}, args...)...)
	for _, part := range parts {
		if !strings.Contains(out+errs, part) {
			t.Errorf("%v: %q is missing:\n%s%s", args, part, out, errs)
		}
	}
}

func TestSites(t *testing.T) {
	w := newStation(t)
	w.says(t, exitProblem, nil, "Ce poste n’a pas de trousseau de clés")
	if r := w.sites(t, exitProblem); r.Problem != "no_keyring" || len(r.Sites) != 0 {
		t.Errorf("%+v", r)
	}

	keyring := testdesktop.NewKeyring(t, "")
	keyring.Use()
	w.says(t, exitGood, nil, "Sites toujours autorisés :", "aucun")
	dir, err := dirs.State()
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
	w.Settings(t, "modules = [%q]\nlang = \"en\"\n[origins]\nblock = [%q]\nallow = [%q]\n", w.Module, one, two)
	w.says(t, exitGood, nil, one, "blocked by the settings", "allowed by the settings too", "since ")
	if r := w.sites(t, exitGood); len(r.Sites) != 2 || r.Sites[0].Effective || !r.Sites[1].Effective || r.Problem != "" || r.Sites[0].Since.IsZero() {
		t.Errorf("%+v", r)
	}
	w.Settings(t, "modules = [%q]\nlang = \"fr\"\n[origins]\nmode = \"listed\"\n", w.Module)
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

	w.says(t, exitUsage, []string{"never", "www.example.net"}, "domaine seul")
	w.says(t, exitUsage, []string{"never", "https://example.net"}, "domaine seul")
	w.says(t, exitGood, []string{"never", "Example.net"}, "Refusé désormais", "example.net")
	w.says(t, exitGood, nil, "Sites toujours autorisés", "aucun", "Domaines toujours refusés", "example.net  depuis le ")
	if r := w.sites(t, exitGood); len(r.Sites) != 0 || len(r.Never) != 1 || r.Never[0].Name != "example.net" || r.Never[0].Since.IsZero() || r.Never[0].Unsaved {
		t.Errorf("%+v", r)
	}
	w.says(t, exitGood, []string{"forget", "example.net"}, "Oublié", "example.net", "Ses sites")
	w.says(t, exitProblem, []string{"forget", "example.net"}, "pas dans la liste")
	if r := w.sites(t, exitGood, "never", "example.net"); len(r.Never) != 1 {
		t.Errorf("%+v", r)
	}
	if r := w.sites(t, exitGood, "forget", "example.net"); r.Never == nil || len(r.Never) != 0 {
		t.Errorf("%+v", r)
	}

	if _, err := store.Add(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	keyring.Lock()
	if r := w.sites(t, exitProblem, "never", "example.net"); r.Problem != "keyring_locked" || len(r.Never) != 0 {
		t.Errorf("%+v", r)
	}
	if r := w.sites(t, exitProblem); r.Problem != "keyring_locked" || strings.Contains(r.Message, "oublié") {
		t.Errorf("%+v", r)
	}
	// The site remains, and is valid again once the keyring is unlocked.
	if r := w.sites(t, exitProblem, "forget", one); r.Problem != "keyring_locked" || !strings.HasPrefix(r.Message, "Ce site n’a pas pu être oublié : ") {
		t.Errorf("%+v", r)
	}
	w.Settings(t, "modules = [%q]\nlang = \"en\"\n", w.Module)
	if r := w.sites(t, exitProblem, "forget", one); !strings.HasPrefix(r.Message, "This site could not be forgotten: ") {
		t.Errorf("%+v", r)
	}
	keyring.Unlock()
	if r := w.sites(t, exitGood); len(r.Sites) != 1 {
		t.Errorf("%+v", r)
	}
	if names, _ := filepath.Glob(filepath.Join(dir, "sites-aside-*")); len(names) != 0 {
		t.Errorf("set aside: %v", names)
	}
}
