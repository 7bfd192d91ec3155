package settings

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/portallab"
)

// Settings that keep the portal from starting, and where it says the fault is.
func TestRefusedSettings(t *testing.T) {
	const local = "https://portail.test"
	const test = "test = true"
	named := func(old, new string) func(string) string { return portallab.Replacing(old, new) }
	for name, c := range map[string]struct {
		origin  string
		changes []func(string) string
		key     string
		says    string
	}{
		"unknown key":                  {local, []func(string) string{named("revocation =", "revocations = \"x\"\nrevocation =")}, "revocations", "unknown key"},
		"wrong type":                   {local, []func(string) string{named(`name = "Portail TEST"`, "name = 3")}, "name", ""},
		"not TOML":                     {local, []func(string) string{named(`name = "Portail TEST"`, "name")}, "", ""},
		"bad duration":                 {local, []func(string) string{named("[[trust_group]]", "[session]\nidle = \"-1m\"\n[[trust_group]]")}, "session.idle", "more than zero"},
		"no origin":                    {"", nil, "origin", ""},
		"origin with a path":           {"https://portail.test/", nil, "origin", ""},
		"upper case":                   {"https://Portail.test", nil, "origin", ""},
		"database without port":        {local, []func(string) string{named(`database = "portal.db"`, `database = "postgres://portal:s3cret@db:99999/portal"`)}, "database", "invalid port"},
		"password with an at sign":     {local, []func(string) string{named(`database = "portal.db"`, `database = "postgres://portal:s3@cret@db/portal"`)}, "database", "%40"},
		"that, and a percent sign":     {local, []func(string) string{named(`database = "portal.db"`, `database = "postgres://portal:s3@cret%@db/portal"`)}, "database", "%40"},
		"a mistyped database":          {local, []func(string) string{named(`database = "portal.db"`, `database = "postgres//portal:s3cret@db/portal"`)}, "database", "begins with postgres://"},
		"another mistyped database":    {local, []func(string) string{named(`database = "portal.db"`, `database = "Postgres://portal:s3cret@db/portal"`)}, "database", "begins with postgres://"},
		"two databases":                {local, []func(string) string{named("revocation =", "database_file = \"x\"\nrevocation =")}, "database_file", "exclude"},
		"no file of the database":      {local, []func(string) string{named(`database = "portal.db"`, `database_file = "none"`)}, "database_file", "none"},
		"another database":             {local, []func(string) string{named(`database = "portal.db"`, `database_file = "root.pem"`)}, "database_file", "postgres://"},
		"a proxy's name":               {local, []func(string) string{named("revocation =", "proxies = [\"proxy.example.fr\"]\nrevocation =")}, "proxies", "10.0.0.0/8"},
		"metrics without port":         {local, []func(string) string{named("revocation =", "metrics = \"9101\"\nrevocation =")}, "metrics", "port"},
		"no drain":                     {local, []func(string) string{named("revocation =", "drain = \"0s\"\nrevocation =")}, "drain", "more than zero"},
		"bad listen":                   {local, []func(string) string{named("127.0.0.1:0", "nowhere")}, "listen", ""},
		"key without certificate":      {local, []func(string) string{named("revocation =", "tls_key = \"k\"\nrevocation =")}, "tls_cert", "go together"},
		"bad ports":                    {local, []func(string) string{named("[[trust_group]]", "[card_login]\nports_first = 80\n[[trust_group]]")}, "card_login.ports_first", "1024"},
		"agent from plain http":        {local, []func(string) string{named("[[trust_group]]", "[card_login]\ninstall_url = \"http://example.fr/a\"\n[[trust_group]]")}, "card_login.install_url", "https"},
		"agent from another host":      {local, []func(string) string{named("[[trust_group]]", "[card_login]\ninstall_url = \"//example.fr/a\"\n[[trust_group]]")}, "card_login.install_url", "path"},
		"a bare number as duration":    {local, []func(string) string{named("[[trust_group]]", "[session]\nidle = 15\n[[trust_group]]")}, "session.idle", `such as "30s"`},
		"another, in an inline table":  {local, []func(string) string{named("revocation =", "session.total = 10.5\nrevocation =")}, "session.total", `such as "30s"`},
		"a duration without unit":      {local, []func(string) string{named("[[trust_group]]", "[session]\ntotal = \"10\"\n[[trust_group]]")}, "session.total", `"10" must be a duration in quotes`},
		"a name that turns":            {local, []func(string) string{named(`"Portail TEST"`, "\"a\u202eb\"")}, "name", "printable"},
		"a port that is none":          {local, []func(string) string{named("127.0.0.1:0", "127.0.0.1:65536")}, "listen", "a port"},
		"agent from nowhere":           {local, []func(string) string{named("[[trust_group]]", "[card_login]\ninstall_url = \"https://\"\n[[trust_group]]")}, "card_login.install_url", "https"},
		"agent by a backslash":         {local, []func(string) string{named("[[trust_group]]", "[card_login]\ninstall_url = '/\\example.fr'\n[[trust_group]]")}, "card_login.install_url", "path"},
		"agent with a password":        {local, []func(string) string{named("[[trust_group]]", "[card_login]\ninstall_url = 'https://a:b@example.fr/'\n[[trust_group]]")}, "card_login.install_url", "path"},
		"agent by a script":            {local, []func(string) string{named("[[trust_group]]", "[card_login]\ninstall_url = 'javascript:alert(1)'\n[[trust_group]]")}, "card_login.install_url", "path"},
		"agent on a blank":             {local, []func(string) string{named("[[trust_group]]", "[card_login]\ninstall_url = 'https://example.fr/a b'\n[[trust_group]]")}, "card_login.install_url", "path"},
		"unknown kind":                 {local, []func(string) string{named("[kinds]", "[kinds]\n\"1.2.3\" = \"Cps\"")}, "kinds.1.2.3", `"Cps" is no kind of card`},
		"a kind's OID":                 {local, []func(string) string{named("[kinds]", "[kinds]\n\"1.2.x\" = \"CPS\"")}, "kinds.1.2.x", "OID"},
		"a policy's OID":               {local, []func(string) string{named("refused_policies = [", "refused_policies = [\"1..2\",")}, "trust_group.refused_policies", `"1..2" must be an OID`},
		"any policy as required":       {local, []func(string) string{named("required_policies = [", "required_policies = [\"2.5.29.32.0\",")}, "trust_group.required_policies", "says nothing"},
		"strict without a policy":      {local, []func(string) string{named("required_policies =", "strict_policies = true\nrefused_policies = []\n# required_policies ="), named("\nrefused_policies = [\"", "\n# [\"")}, "trust_group.strict_policies", "needs required_policies"},
		"RSA too short":                {local, []func(string) string{named("[kinds]", "min_rsa_bits = 1024\n[kinds]")}, "trust_group.min_rsa_bits", "2048"},
		"no root":                      {local, []func(string) string{named("roots = [", "roots = [] # [")}, "trust_group.roots", "at least one root"},
		"lists of nobody":              {local, []func(string) string{named("[kinds]", "[crl]\nsoft = true\n[kinds]")}, "crl", "no effect"},
		"a network that is none":       {local, []func(string) string{named(`"off"`, `"crl"`), named("[kinds]", "[crl]\nallow_private = [\"10.0.0.0/33\"]\n[kinds]")}, "crl.allow_private", "a network"},
		"lists too often":              {local, []func(string) string{named(`"off"`, `"crl"`), named("[kinds]", "[crl]\nrefresh = \"1s\"\n[kinds]")}, "crl.refresh", "from 10s"},
		"lists of no size":             {local, []func(string) string{named(`"off"`, `"crl"`), named("[kinds]", "[crl]\nmax_mib = 0\n[kinds]")}, "crl.max_mib", "from 1"},
		"a list's address":             {local, []func(string) string{named(`"off"`, `"crl"`), named("[kinds]", "[[crl.source]]\nissuer = \"a.pem\"\naddresses = [\"ldap://a/b\"]\n[kinds]")}, "crl.source.addresses", "http://"},
		"no revocation":                {local, []func(string) string{named("revocation = \"off\"\n", "")}, "revocation", "must be stated"},
		"another revocation":           {local, []func(string) string{named(`"off"`, `"ocsp"`)}, "revocation", "must be stated"},
		"test group beyond loopback":   {local, []func(string) string{named("127.0.0.1:0", "0.0.0.0:0")}, "trust_group", "allow_test_groups"},
		"test group under a real name": {"https://portail.hopital.fr", nil, "trust_group", "allow_test_groups"},
		"https without a certificate":  {"https://portail.example.fr", []func(string) string{named("127.0.0.1:0", ":0"), named("revocation =", "allow_test_groups = true\nrevocation =")}, "listen", "in proxies"},
		"plain http beyond loopback":   {"http://portail.test", []func(string) string{named("127.0.0.1:0", "0.0.0.0:0"), named("revocation =", "allow_test_groups = true\nrevocation =")}, "origin", ""},
		"http on another machine":      {"http://127.0.0.1:8080", []func(string) string{named("127.0.0.1:0", ":0"), named("revocation =", "allow_test_groups = true\nrevocation =")}, "origin", "allow_insecure"},
		"production, sample contacts":  {local, []func(string) string{named(test, "test = false")}, "texts", "your own"},
		"missing texts":                {local, []func(string) string{named("revocation =", "texts = \"none.toml\"\nrevocation =")}, "texts", "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			text := portallab.SettingsText(t, dir, c.origin)
			for _, change := range c.changes {
				text = change(text)
			}
			path := portallab.WriteFile(t, dir, "portal.toml", text)
			_, err := Load(path)
			var bad *Error
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
	if _, err := Load(filepath.Join(t.TempDir(), "none.toml")); err == nil || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("no file: %v", err)
	}
}

// TestSecondTable: what is wrong in the second of two tables has the line of that one.
func TestSecondTable(t *testing.T) {
	for name, c := range map[string]struct {
		add, key, says string
		line           int // of those that are added
	}{
		"an OID":                  {"name = \"b\"\nroots = [\"root.pem\"]\nrequired_policies = [\"x\"]\n", "trust_group.required_policies", "OID", 4},
		"the same name":           {"roots = [\"root.pem\"]\nname = \"TEST\"\n", "trust_group.name", "a second group", 3},
		"a missing name":          {"roots = [\"root.pem\"]\n", "trust_group.name", "needs a name", 1},
		"a file that is missing":  {"name = \"b\"\ntest = true\n\nroots = [\"none.pem\"]\n", "trust_group.roots", "none.pem", 5},
		"an intermediate as root": {"name = \"b\"\ntest = true\nroots = [\"intermediate.pem\"]\n", "trust_group.roots", "is no root: it was issued by", 4},
		"a root as intermediate":  {"name = \"b\"\ntest = true\nroots = [\"root.pem\"]\nintermediates = [\"other.pem\"]\n", "trust_group.intermediates", "was issued by none of the group's authorities", 5},
		"a card":                  {"name = \"b\"\ntest = true\nroots = [\"root.pem\"]\nintermediates = [\"intermediate.pem\", \"card.pem\"]\n", "trust_group.intermediates", "is no authority's certificate", 5},
		"a wrong type":            {"name = \"b\"\nroots = [\"root.pem\"]\ntest = \"yes\"\n", "trust_group.test", "", 4},
		"an unknown key":          {"name = \"b\"\nroots = [\"root.pem\"]\ntests = true\n", "trust_group.tests", "unknown key", 4},
	} {
		dir := t.TempDir()
		text := portallab.SettingsText(t, dir, "https://portail.test")
		other, err := demopki.New(time.Now())
		if err != nil {
			t.Fatal(err)
		}
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		card, err := portallab.PKI().Intermediate.Issue(demopki.Leaf{Holder: demopki.NewHolder("CPS", 1), NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour), PublicKey: key.Public()})
		if err != nil {
			t.Fatal(err)
		}
		portallab.WritePEM(t, dir, "other.pem", other.Root.Cert)
		portallab.WritePEM(t, dir, "card.pem", card)
		begin := strings.Count(text, "\n")
		path := portallab.WriteFile(t, dir, "portal.toml", text+"[[trust_group]]\n"+c.add)
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		err = Check(path, content)
		bad, is := errors.AsType[*Error](err)
		if !is || bad.Key != c.key || !strings.Contains(bad.Text, c.says) || bad.Line != begin+c.line || bad.File != path {
			t.Errorf("%s: %v, want line %d, %s: %s", name, err, begin+c.line, c.key, c.says)
		}
	}
}

// lineOf is the line of a key's first mention; 0 where there is none.
func lineOf(text, key string) int {
	last := key[strings.LastIndexByte(key, '.')+1:]
	for i, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(line, last+" =") || line == "["+key+"]" || strings.HasPrefix(line, key+" =") || strings.HasPrefix(line, `"`+strings.TrimPrefix(key, "kinds.")+`" =`) || line == "[["+last+"]]" {
			return i + 1
		}
	}
	return 0
}

// A site on https listens without a certificate of its own where only this machine reaches it,
// or where the settings name who has one.
func TestHTTPSByAProxy(t *testing.T) {
	dir := t.TempDir()
	for name, changes := range map[string][]func(string) string{
		"a proxy on this machine": {},
		"a proxy on another":      {portallab.Replacing("127.0.0.1:0", ":0"), portallab.Replacing("revocation =", "proxies = [\"192.0.2.1\"]\nrevocation =")},
		"said aloud":              {portallab.Replacing("127.0.0.1:0", "0.0.0.0:0"), portallab.Replacing("revocation =", "allow_insecure = true\nrevocation =")},
		"a certificate":           {portallab.Replacing("127.0.0.1:0", "0.0.0.0:0"), portallab.Replacing("revocation =", "tls_cert = \"c\"\ntls_key = \"k\"\nrevocation =")},
	} {
		text := portallab.Replacing("revocation =", "allow_test_groups = true\nrevocation =")(portallab.SettingsText(t, dir, "https://portail.example.fr"))
		for _, change := range changes {
			text = change(text)
		}
		if err := Check(filepath.Join(dir, "portal.toml"), []byte(text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Each kind of text that the sample marks is found, not only the first.
func TestSampleContactsAreFound(t *testing.T) {
	own := Texts{
		Support: Contact{Name: "Assistance", Mail: "a@hopital.example", Phone: "00", Hours: Bilingual{"jour et nuit", "day and night"}},
		Default: Bilingual{"Voir le secrétariat.", "Ask the office."}, Services: []string{"Urgences"},
		Regions: []Region{{ID: "corse", Name: "Corse", Mail: "c@hopital.example", How: Bilingual{"Voir.", "See."}}},
	}
	if keys := own.sample(); len(keys) > 0 {
		t.Fatalf("own texts are taken for the sample's: %q", keys)
	}
	for name, change := range map[string]func(*Texts){
		"support.name": func(x *Texts) { x.Support.Name = "Support TEST" }, "support.mail": func(x *Texts) { x.Support.Mail = "a@x.invalid" },
		"support.phone": func(x *Texts) { x.Support.Phone = "TEST 00" }, "support.hours": func(x *Texts) { x.Support.Hours.EN = "(TEST)" },
		"default": func(x *Texts) { x.Default.FR = "TEST" }, "services": func(x *Texts) { x.Services = []string{"SERVICE TEST"} },
		"region corse": func(x *Texts) { x.Regions = []Region{{ID: "corse", Mail: "c@x.invalid"}} },
	} {
		x := own
		change(&x)
		if keys := x.sample(); len(keys) != 1 || keys[0] != name {
			t.Errorf("%s: %q", name, keys)
		}
	}
	if keys := (&Texts{Support: Contact{Name: "TEST", Mail: "a@x.invalid"}, Default: Bilingual{FR: "TEST"}}).sample(); strings.Join(keys, " ") != "default support.mail support.name" {
		t.Errorf("%q are not all, sorted", keys)
	}
}

// An error about a certificate that cannot be read names its file.
func TestRefusedCertificates(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"missing": "", "empty": "nothing\n", "broken": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"} {
		path := filepath.Join(dir, name+".pem")
		if content != "" {
			portallab.WriteFile(t, dir, name+".pem", content)
		}
		text := portallab.SettingsText(t, dir, "https://portail.test")
		text = strings.Replace(text, filepath.Join(dir, "root.pem"), path, 1)
		settings, err := Load(portallab.WriteFile(t, dir, "portal.toml", text))
		if err != nil {
			t.Fatal(err)
		}
		_, err = settings.Profile()
		var bad *Error
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
		"privacy":      {"privacy = \"javascript:alert(1)\"\n", "privacy: a path of this site"},
		"statement":    {"[accessibility]\nstate = \"none\"\nurl = \"//elsewhere.example\"\n", "accessibility.url: a path of this site"},
		"its state":    {"[accessibility]\nstate = \"good\"\nurl = \"/a\"\n", `accessibility.state: one of "full"`},
		"no state":     {"[accessibility]\nurl = \"/a\"\n", "state and url go together"},
	} {
		path := portallab.WriteFile(t, dir, "texts.toml", c.text)
		_, err := loadTexts(path)
		var bad *Error
		if !errors.As(err, &bad) || !strings.HasPrefix(err.Error(), path) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}
