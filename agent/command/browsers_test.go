package command

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/browsers"
	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/workstation"
	"github.com/cpx-bridge/cpx-bridge/internal/language"
	trust "github.com/cpx-bridge/cpx-bridge/internal/owners"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

// TestOthersInTheRegistry: whoever writes beside others' entries of Windows's registry reads
// that a domain's group policy would take ours away; who removes ours does not.
func TestOthersInTheRegistry(t *testing.T) {
	for name, c := range map[string]struct {
		change browsers.Change
		remove bool
		want   bool
	}{
		"beside others": {browsers.Change{Shared: true, Changed: true, Text: "1"}, false, true},
		"alone":         {browsers.Change{Changed: true, Text: "1"}, false, false},
		"as it was":     {browsers.Change{Shared: true, Text: "1"}, false, false},
		"removing":      {browsers.Change{Shared: true, Changed: true, Text: "1"}, true, false},
	} {
		var out strings.Builder
		b := &browsersRun{invocation: &invocation{Catalogue: texts.In(language.English), stdout: &out}, Request: browsers.Request{System: browsers.Windows}, remove: c.remove}
		b.report(c.change)
		if got := strings.Contains(out.String(), "put your portals into the group policy"); got != c.want {
			t.Errorf("%s: %q", name, out.String())
		}
	}
}

func TestPolicyBrowsers(t *testing.T) {
	w := newStation(t)
	root := filepath.Join(w.Dir, "root")
	chromium := filepath.Join(root, "/etc/chromium/policies/managed/cpx-bridge.json")
	firefox := filepath.Join(root, "/etc/firefox/policies/policies.json")
	portal := []string{"--origin", "https://portail.example.fr"}
	run := func(exit int, args ...string) (string, string) {
		t.Helper()
		return w.cpxAgent(t, exit, append([]string{"policy", "browsers", "--os", "linux", "--dir", root}, args...)...)
	}
	out, errs := run(exitGood, append(portal, "--origin", "https://*.groupe.example.fr", "--older-edge")...)
	workstation.Contains(t, out, "# Chromium\u00a0: à écrire\u00a0: "+chromium, `"https://portail.example.fr:443"`, `"https://[*.]groupe.example.fr:443"`, `"*.groupe.example.fr"`, "LocalNetworkAccessAllowedForUrls")
	workstation.Contains(t, errs, "le domaine lui-même", "tous les ports", "Edge avant 146")
	if _, err := os.Stat(root); err == nil {
		t.Error("printing wrote something")
	}

	if err := os.MkdirAll(filepath.Dir(firefox), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(firefox, []byte(`{"policies": {"DisableTelemetry": true`), 0o644); err != nil {
		t.Fatal(err)
	}
	out, errs = run(exitProblem, append(portal, "--write")...)
	workstation.Contains(t, out, "écrit\u00a0: "+chromium)
	workstation.Contains(t, errs, firefox+" : ce fichier est mal formé")
	if err := os.WriteFile(firefox, []byte(`{"policies": {"DisableTelemetry": true}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	w.Settings(t, "modules = [%q]\nlang = \"en\"\n", w.Module)
	out, errs = run(exitGood, append(portal, "--write")...)
	workstation.Contains(t, out, "unchanged: "+chromium, "written: "+firefox, "Others’ entries stay", firefox+".before-cpx-bridge")
	workstation.Contains(t, errs, "every port")
	out, _ = run(exitGood, portal...)
	workstation.Contains(t, out, "stands there already: "+firefox)
	out, _ = run(exitGood, "--remove")
	workstation.Contains(t, out, "to be removed: "+chromium, "will be changed: "+firefox)
	out, _ = run(exitGood, "--remove", "--write")
	workstation.Contains(t, out, "removed: "+chromium, "Others’ entries stay")
	if strings.Contains(out, "before-cpx-bridge") {
		t.Error(out)
	}
	if text, err := os.ReadFile(firefox); err != nil || string(text) != `{"policies": {"DisableTelemetry": true}}` {
		t.Errorf("%q %v", text, err)
	}
	_, errs = run(exitGood, "--remove", "--write", "--browser", "chrome,chromium")
	workstation.Contains(t, errs, "no entry of CPx Bridge")
}

// TestPolicyBrowsersShared: what has browsers of a shared workstation save no
// passwords comes and goes by itself, and never in the place of another's value.
func TestPolicyBrowsersShared(t *testing.T) {
	w := newStation(t)
	root := filepath.Join(w.Dir, "root")
	dir := filepath.Join(root, "/etc/chromium/policies/managed")
	own, firefox := filepath.Join(dir, "cpx-bridge.json"), filepath.Join(root, "/etc/firefox/policies/policies.json")
	run := func(exit int, args ...string) (string, string) {
		t.Helper()
		return w.cpxAgent(t, exit, append([]string{"policy", "browsers", "--os", "linux", "--dir", root}, args...)...)
	}
	out, errs := run(exitGood, "--shared")
	workstation.Contains(t, out, "à écrire\u00a0: "+own, `"PasswordManagerEnabled": false`, `"AutofillAddressEnabled": false`, `"OfferToSaveLogins": false`, `"DisableFormHistory": true`)
	workstation.Contains(t, errs, "partez de profils neufs")
	if strings.Contains(out+errs, "Loopback") || strings.Contains(errs, "tous les ports") {
		t.Error(out, errs)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "site.json"), []byte(`{"PasswordManagerEnabled": true}`), 0o644); err != nil {
		t.Fatal(err)
	}
	out, errs = run(exitProblem, "--shared", "--write", "--origin", "https://portail.example.fr")
	workstation.Contains(t, out, "écrit\u00a0: "+own, "écrit\u00a0: "+firefox)
	workstation.Contains(t, errs, filepath.Join(dir, "site.json")+" : PasswordManagerEnabled y vaut true", "mettez-y false")
	w.Settings(t, "modules = [%q]\nlang = \"en\"\n", w.Module)
	_, errs = run(exitProblem, "--shared", "--write")
	workstation.Contains(t, errs, "PasswordManagerEnabled is true there", "set it to false there", "begin with new profiles")
	if err := os.Remove(filepath.Join(dir, "site.json")); err != nil {
		t.Fatal(err)
	}
	run(exitGood, "--shared", "--write")
	holds := func(path, part string, want bool) {
		t.Helper()
		text, err := os.ReadFile(path)
		if err != nil || strings.Contains(string(text), part) != want {
			t.Errorf("%q in %s: %v, %v", part, text, !want, err)
		}
	}
	run(exitGood, "--write", "--origin", "https://autre.example.fr") // as doctor advises
	holds(own, "PasswordManagerEnabled", true)
	holds(own, "autre.example.fr", true)
	run(exitGood, "--remove", "--shared", "--write")
	holds(own, "PasswordManagerEnabled", false)
	holds(firefox, "DisableFormHistory", false)
	holds(firefox, "autre.example.fr", true)
	run(exitGood, "--shared", "--write")
	run(exitGood, "--remove", "--write")
	var rest []string
	err := filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		rest = append(rest, strings.TrimPrefix(path, root))
		return err
	})
	if err != nil || strings.Join(rest, " ") != " /etc /etc/chromium /etc/chromium/policies /etc/chromium/policies/managed" {
		t.Errorf("%q is there, %v; the folder was there before", rest, err)
	}
	_, errs = w.cpxAgent(t, exitGood, "policy", "browsers", "--shared", "--os", "windows")
	workstation.Contains(t, errs, "replaces values of the same names", "reg import")
	_, errs = w.cpxAgent(t, exitGood, "policy", "browsers", "--shared", "--os", "macos")
	workstation.Contains(t, errs, "MDM")
}

// TestPolicyBrowsersRecord: a damaged record is a problem of the machine, not a
// misuse, and the remedy that the message names works.
func TestPolicyBrowsersRecord(t *testing.T) {
	w := newStation(t)
	root := filepath.Join(w.Dir, "root")
	record := filepath.Join(root, "/etc/cpx-bridge/browsers.json")
	run := func(exit int, args ...string) (string, string) {
		t.Helper()
		return w.cpxAgent(t, exit, append([]string{"policy", "browsers", "--os", "linux", "--dir", root, "--write"}, args...)...)
	}
	run(exitGood, "--origin", "https://portail.example.fr")
	if err := os.WriteFile(record, []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, errs := run(exitProblem, "--remove")
	workstation.Contains(t, errs, record, "rien n’a été changé", "renommez-le")
	w.Settings(t, "modules = [%q]\nlang = \"en\"\n", w.Module)
	_, errs = run(exitProblem, "--origin", "https://portail.example.fr")
	workstation.Contains(t, errs, record, "nothing was changed", "rename it")
	if err := os.Rename(record, record+".damaged"); err != nil {
		t.Fatal(err)
	}
	out, _ := run(exitGood, "--remove")
	workstation.Contains(t, out, "removed: "+filepath.Join(root, "/etc/chromium/policies/managed/cpx-bridge.json"))
}

func TestPolicyBrowsersElsewhere(t *testing.T) {
	w := newStation(t)
	portal := []string{"policy", "browsers", "--origin", "https://portail.example.fr"}
	out, errs := w.cpxAgent(t, exitGood, append(portal, "--os", "windows")...)
	if !strings.HasPrefix(out, "Windows Registry Editor Version 5.00\r\n") { // it is redirected to a file as it is
		t.Error(out)
	}
	workstation.Contains(t, errs, "numérote depuis 1", "reg import")
	out, _ = w.cpxAgent(t, exitGood, append(portal, "--os", "macos", "--browser", "edge")...)
	if !strings.HasPrefix(out, "<?xml ") || strings.Contains(out, "firefox") {
		t.Error(out)
	}
	out, _ = w.cpxAgent(t, exitGood, append(portal, "--os", "macos", "--write", "--dir", w.Dir)...)
	workstation.Contains(t, out, "écrit\u00a0: "+filepath.Join(w.Dir, "cpx-bridge-browsers.mobileconfig"))
	_, errs = w.cpxAgent(t, exitProblem, append(portal, "--os", "windows", "--write")...)
	workstation.Contains(t, errs, "--dir")
}

// TestPolicyBrowsersOutside: a link that leads nowhere in the folder is named, with what to
// do, and the other browsers get their policies.
func TestPolicyBrowsersOutside(t *testing.T) {
	w := newStation(t)
	root := filepath.Join(w.Dir, "root")
	link := filepath.Join(root, "/etc/firefox")
	if err := errors.Join(os.MkdirAll(filepath.Dir(link), 0o755), os.Symlink("/etc/firefox", link)); err != nil {
		t.Fatal(err)
	}
	for _, lang := range []struct{ lang, says string }{
		{"fr", link + ", vers /etc/firefox, ne mène nulle part dans " + root + " : il est suivi comme par le système de ce dossier"},
		{"en", link + ", to /etc/firefox, leads nowhere in " + root + ": it is followed as the system in that folder does"},
	} {
		out, errs := w.cpxAgent(t, exitProblem, "policy", "browsers", "--os", "linux", "--dir", root, "--write", "--origin", "https://portail.example.fr", "--lang", lang.lang)
		workstation.Contains(t, errs, lang.says)
		workstation.Contains(t, out, filepath.Join(root, "/etc/chromium/policies/managed/cpx-bridge.json"))
	}
}

// TestPolicyBrowsersAllowed: the portals are those of the machine's policy, whatever
// the person's own file holds; a policy without a list changes nothing, one whose list is
// empty takes ours away.
func TestPolicyBrowsersAllowed(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "[] none named",
		"[origins]\nmode = \"ask\"": "[] none named",
		"[origins]\nallow = []":     "[]",
		"[origins]\nallow = [\"https://b.example.fr\", \"http://localhost:8080\", \"https://*.c.example.fr\"]": "[https://b.example.fr https://*.c.example.fr]",
		"[origins]\nallow = [\"http://b.example.fr\"]":                                                         "refused",
		"origins = ": "refused",
	} {
		dir := t.TempDir()
		paths := policy.Paths{Machine: filepath.Join(dir, "policy.toml"), User: filepath.Join(dir, "config.toml"), Owners: trust.Person}
		if err := errors.Join(os.WriteFile(paths.Machine, []byte(text), 0o600), os.WriteFile(paths.User, []byte("malformed"), 0o600)); err != nil {
			t.Fatal(err)
		}
		b := &browsersRun{invocation: &invocation{paths: paths, settingsErr: errors.New("the person's file")}, allowed: true}
		got := "refused"
		if err := b.prepare(); err == nil {
			got = fmt.Sprint(b.Origins)
			if b.noneNamed {
				got += " none named"
			}
		} else if !errors.Is(err, b.settingsErr) {
			t.Errorf("%q: %v has not the exit status of bad settings", text, err)
		}
		if got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	w := newStation(t)
	for _, others := range []string{"--remove", "--origin=https://b.example.fr", "--dir=x", "--os=windows"} {
		w.cpxAgent(t, exitUsage, "policy", "browsers", "--allowed", others)
	}
}

// TestPolicyBrowsersRemoveAnyway: what removes the program takes our entries away,
// whatever the settings are.
func TestPolicyBrowsersRemoveAnyway(t *testing.T) {
	w := newStation(t)
	root := filepath.Join(w.Dir, "root")
	w.cpxAgent(t, exitGood, "policy", "browsers", "--os", "linux", "--dir", root, "--write", "--origin", "https://b.example.fr")
	w.Settings(t, "malformed")
	w.cpxAgent(t, exitUsage, "policy", "browsers", "--os", "linux", "--dir", root, "--write", "--origin", "https://c.example.fr")
	w.cpxAgent(t, exitGood, "policy", "browsers", "--os", "linux", "--dir", root, "--write", "--remove")
	if entries, err := os.ReadDir(root); len(entries) > 0 {
		t.Errorf("%v is left, %v", entries, err)
	}
}
