package portal

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

// Settings that keep the portal from starting, and where it says the fault is.
func TestRefusedSettings(t *testing.T) {
	const local = "https://portail.test"
	const test = "test = true"
	named := func(old, new string) siteOption { return replacing(old, new) }
	for name, c := range map[string]struct {
		origin  string
		changes []siteOption
		key     string
		says    string
	}{
		"unknown key":                  {local, []siteOption{named("revocation =", "revocations = \"x\"\nrevocation =")}, "revocations", "unknown key"},
		"wrong type":                   {local, []siteOption{named(`name = "Portail TEST"`, "name = 3")}, "name", ""},
		"not TOML":                     {local, []siteOption{named(`name = "Portail TEST"`, "name")}, "", ""},
		"bad duration":                 {local, []siteOption{named("[[trust_group]]", "[session]\nidle = \"-1m\"\n[[trust_group]]")}, "session.idle", "more than zero"},
		"no origin":                    {"", nil, "origin", ""},
		"origin with a path":           {"https://portail.test/", nil, "origin", ""},
		"upper case":                   {"https://Portail.test", nil, "origin", ""},
		"bad listen":                   {local, []siteOption{named("127.0.0.1:0", "nowhere")}, "listen", ""},
		"key without certificate":      {local, []siteOption{named("revocation =", "tls_key = \"k\"\nrevocation =")}, "tls_cert", "go together"},
		"bad ports":                    {local, []siteOption{named("[[trust_group]]", "[card_login]\nports_first = 80\n[[trust_group]]")}, "card_login.ports_first", "1024"},
		"agent from plain http":        {local, []siteOption{named("[[trust_group]]", "[card_login]\ninstall_url = \"http://example.fr/a\"\n[[trust_group]]")}, "card_login.install_url", "https"},
		"agent from another host":      {local, []siteOption{named("[[trust_group]]", "[card_login]\ninstall_url = \"//example.fr/a\"\n[[trust_group]]")}, "card_login.install_url", "path"},
		"no revocation":                {local, []siteOption{named("revocation = \"off\"\n", "")}, "revocation", "must be stated"},
		"another revocation":           {local, []siteOption{named(`"off"`, `"ocsp"`)}, "revocation", "must be stated"},
		"test group beyond loopback":   {local, []siteOption{named("127.0.0.1:0", "0.0.0.0:0")}, "trust_group", "allow_test_groups"},
		"test group under a real name": {"https://portail.hopital.fr", nil, "trust_group", "allow_test_groups"},
		"plain http beyond loopback":   {"http://portail.test", []siteOption{named("127.0.0.1:0", "0.0.0.0:0"), named("revocation =", "allow_test_groups = true\nrevocation =")}, "origin", ""},
		"http on another machine":      {"http://127.0.0.1:8080", []siteOption{named("127.0.0.1:0", ":0"), named("revocation =", "allow_test_groups = true\nrevocation =")}, "origin", "allow_insecure"},
		"production, sample contacts":  {local, []siteOption{named(test, "test = false")}, "texts", "your own"},
		"missing texts":                {local, []siteOption{named("revocation =", "texts = \"none.toml\"\nrevocation =")}, "", "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			text := settingsText(t, dir, c.origin)
			for _, change := range c.changes {
				text = change(text)
			}
			path := writeFile(t, dir, "portal.toml", text)
			_, err := LoadSettings(path)
			var bad *SettingsError
			if !errors.As(err, &bad) {
				t.Fatalf("error %v", err)
			}
			if bad.Key != c.key || !strings.Contains(bad.Text, c.says) || !strings.HasPrefix(err.Error(), dir) {
				t.Errorf("%v: key %q, want %q and %q", err, bad.Key, c.key, c.says)
			}
			if line := lineOf(text, c.key); c.key != "" && bad.Line != line {
				t.Errorf("%v: want line %d", err, line)
			}
		})
	}
	if _, err := LoadSettings(filepath.Join(t.TempDir(), "none.toml")); err == nil || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("no file: %v", err)
	}
}

// lineOf is the line of a key's first mention; 0 where there is none.
func lineOf(text, key string) int {
	last := key[strings.LastIndexByte(key, '.')+1:]
	for i, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(line, last+" =") || line == "[["+last+"]]" {
			return i + 1
		}
	}
	return 0
}

// Production, even with the operator's own contacts, needs revocation, which this
// version does not have: the portal refuses, and says why.
func TestProductionWithoutRevocation(t *testing.T) {
	dir := t.TempDir()
	texts := writeFile(t, dir, "texts.toml", `services = ["Urgences"]
[support]
name = "Assistance"
mail = "assistance@hopital.example"
phone = "00"
[default]
fr = "Voir le secrétariat."
[[region]]
id = "corse"
name = "Corse"
`)
	text := strings.Replace(settingsText(t, dir, "https://portail.hopital.example"), "test = true", "test = false", 1)
	text = strings.Replace(text, "revocation =", "texts = \""+texts+"\"\nrevocation =", 1)
	_, err := LoadSettings(writeFile(t, dir, "portal.toml", text))
	var bad *SettingsError
	if !errors.As(err, &bad) || bad.Key != "revocation" || !strings.Contains(bad.Text, "would still log in") {
		t.Errorf("error %v", err)
	}
}

// Each kind of text that the sample marks is found, not only the first.
func TestSampleContactsAreFound(t *testing.T) {
	own := Texts{
		Support: Contact{Name: "Assistance", Mail: "a@hopital.example", Phone: "00", Hours: Bilingual{"jour et nuit", "day and night"}},
		Default: Bilingual{"Voir le secrétariat.", "Ask the office."}, Services: []string{"Urgences"},
		Regions: []Region{{ID: "corse", Name: "Corse", Mail: "c@hopital.example", How: Bilingual{"Voir.", "See."}}},
	}
	if key, bad := own.sample(); bad {
		t.Fatalf("own texts are taken for the sample's: %s", key)
	}
	for name, change := range map[string]func(*Texts){
		"support.name": func(x *Texts) { x.Support.Name = "Support TEST" }, "support.mail": func(x *Texts) { x.Support.Mail = "a@x.invalid" },
		"support.phone": func(x *Texts) { x.Support.Phone = "TEST 00" }, "support.hours": func(x *Texts) { x.Support.Hours.EN = "(TEST)" },
		"default": func(x *Texts) { x.Default.FR = "TEST" }, "services": func(x *Texts) { x.Services = []string{"SERVICE TEST"} },
		"region corse": func(x *Texts) { x.Regions = []Region{{ID: "corse", Mail: "c@x.invalid"}} },
	} {
		x := own
		change(&x)
		if key, bad := x.sample(); !bad || key != name {
			t.Errorf("%s: %q, %v", name, key, bad)
		}
	}
}

// An error about a certificate that cannot be read names its file.
func TestRefusedCertificates(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"missing": "", "empty": "nothing\n", "broken": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"} {
		path := filepath.Join(dir, name+".pem")
		if content != "" {
			writeFile(t, dir, name+".pem", content)
		}
		text := settingsText(t, dir, "https://portail.test")
		text = strings.Replace(text, filepath.Join(dir, "root.pem"), path, 1)
		settings, err := LoadSettings(writeFile(t, dir, "portal.toml", text))
		if err != nil {
			t.Fatal(err)
		}
		_, err = New(t.Context(), settings, Options{})
		var bad *SettingsError
		if !errors.As(err, &bad) || bad.Key != "trust_group.roots" || !strings.Contains(bad.Text, path) || bad.Line != lineOf(text, "roots") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRefusedTexts(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct{ text, says string }{
		"unknown key":  {"[support]\nfax = \"1\"\n", ":2: support.fax: unknown key"},
		"twice":        {"[[region]]\nid = \"a\"\nname = \"A\"\n[[region]]\nid = \"a\"\nname = \"B\"\n", "id of its own"},
		"without name": {"[[region]]\nid = \"a\"\n", "needs a name"},
		"not TOML":     {"region", ":1"},
	} {
		path := writeFile(t, dir, "texts.toml", c.text)
		_, err := loadTexts(path)
		var bad *SettingsError
		if !errors.As(err, &bad) || !strings.HasPrefix(err.Error(), path) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

// A file that is no database is refused as such, and not changed.
func TestRefusedDatabase(t *testing.T) {
	dir := t.TempDir()
	path := writeFile(t, dir, "portal.db", strings.Repeat("this is a letter, no database\n", 100))
	if s, err := openStore(t.Context(), path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("%v, %v", s, err)
	}
	if _, err := openStore(t.Context(), filepath.Join(dir, "none", "portal.db")); err == nil {
		t.Error("a database in a folder that does not exist was accepted")
	}
}
