package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cpx-bridge/cpx-bridge/agent/browsers"
	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/grouppolicy"
	"github.com/cpx-bridge/cpx-bridge/internal/language"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

// made are the templates as they are shipped.
func made(t *testing.T) map[string]*grouppolicy.Template {
	t.Helper()
	t.Setenv("CPX_VERSION", "1.2.3-dev+0123")
	dir, err := os.MkdirTemp("", "admx")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // wine 8 does not always remove a folder
	if err := run(dir); err != nil {
		t.Fatal(err)
	}
	list := map[string]*grouppolicy.Template{}
	for _, name := range []string{"cpx-bridge", "cpx-bridge-browsers"} {
		template, err := grouppolicy.Read(dir, name)
		if err != nil {
			t.Fatal(err)
		}
		list[name] = template
	}
	return list
}

// TestTemplates: an editor of group policy and Intune take both files, in both languages.
func TestTemplates(t *testing.T) {
	namespaces := map[string]bool{}
	for name, template := range made(t) {
		for _, fault := range template.Faults() {
			t.Errorf("%s: %s", name, fault)
		}
		if len(template.Texts) != 2 || template.Texts["fr-FR"] == nil || template.Texts["en-US"] == nil || template.Revision != "1.203" {
			t.Errorf("%s: languages %v, revision %s", name, template.Texts, template.Revision)
		}
		if namespaces[template.Target.Namespace] || namespaces[template.Target.Prefix] {
			t.Errorf("%s has the namespace of another", name)
		}
		namespaces[template.Target.Namespace], namespaces[template.Target.Prefix] = true, true
	}
}

// TestBytes: the files are UTF-8 without a byte order mark, with lines as Windows ends them,
// and the same each time.
func TestBytes(t *testing.T) {
	for _, make := range []func() *template{settingsTemplate, browsersTemplate} {
		first, err := make().files("1.0")
		if err != nil {
			t.Fatal(err)
		}
		second, err := make().files("1.0")
		if err != nil {
			t.Fatal(err)
		}
		for name, content := range first {
			text := string(content)
			if !utf8.ValidString(text) || !strings.HasPrefix(text, "<?xml ") || strings.Count(text, "\n") != strings.Count(text, "\r\n") || text != string(second[name]) || len(text) > 1<<20 {
				t.Errorf("%s is not as editors read it, or not the same twice", name)
			}
		}
	}
}

// TestEverySettingHasItsTexts: what a setting is called and means is there for each, and
// nothing is there for a setting that is gone.
func TestEverySettingHasItsTexts(t *testing.T) {
	template := settingsTemplate()
	if len(template.policies) != len(policy.Definitions()) {
		t.Errorf("%d policies of %d settings", len(template.policies), len(policy.Definitions()))
	}
	for _, lang := range []string{language.French, language.English} {
		if _, err := template.resources("1.0", texts.In(lang)); err != nil {
			t.Errorf("%s: %v", lang, err)
		}
	}
	written, err := os.ReadFile(filepath.Join("..", "..", "internal", "texts", "admx.toml"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(written)) {
		code := strings.TrimSuffix(strings.TrimSpace(line), "]")
		for _, group := range []string{"[admx.name.", "[admx.meaning.", "[admx.otherwise."} {
			if setting, of := strings.CutPrefix(code, group); of && !slices.ContainsFunc(policy.Definitions(), func(d policy.Definition) bool { return codeOf(&d) == setting }) {
				t.Errorf("%s%s] is of no setting", group, setting)
			}
		}
	}
}

// TestRevisions: each version has a revision of its own, in their order.
func TestRevisions(t *testing.T) {
	for version, want := range map[string]string{
		"0.1.0": "0.100", "0.1.0-dev+0123456789ab.modified": "0.100", "1.2.3": "1.203", "1.10.0": "1.1000", "9999.999.99": "9999.99999",
		"1.2": "", "": "", "1.2.100": "", "1.2.x": "", "1.-2.3": "",
	} {
		if got, err := revisionOf(version); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v, want %q", version, got, err, want)
		}
	}
}

// TestBrowsersLists: each browser's policy is the list that "cpx-agent policy browsers" and
// doctor know, and its entries are named by numbers.
func TestBrowsersLists(t *testing.T) {
	template := made(t)["cpx-bridge-browsers"]
	for _, b := range browsers.All {
		key, entries, err := browsers.PolicyList(b, []string{"https://portail.example.fr", "https://*.groupement.example.fr"})
		if err != nil {
			t.Fatal(err)
		}
		p := template.Policy("portals_" + string(b))
		operations, err := p.Enabled(map[string]any{p.Name: entries})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, o := range operations {
			got = append(got, strings.TrimSpace(o.Do+" "+o.Key+" "+o.Name))
		}
		if want := []string{"delete values " + key, "set " + key + " 1", "set " + key + " 2"}; !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", b, got, want)
		}
	}
}
