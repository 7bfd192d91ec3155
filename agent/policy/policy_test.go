package policy

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/owners"
)

func load(t *testing.T, machine, user string) (*Effective, error) {
	t.Helper()
	dir := t.TempDir()
	p := Paths{Machine: filepath.Join(dir, "policy.toml"), User: filepath.Join(dir, "config.toml"), Owners: owners.Person}
	for path, text := range map[string]string{p.Machine: machine, p.User: user} {
		if text == "" {
			continue
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Load(p)
}

// personsFile is a person's file with that text, and nothing else.
func personsFile(t *testing.T, text string) Paths {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Paths{User: path}
}

func mustLoad(t *testing.T, machine, user string) *Effective {
	t.Helper()
	e, err := load(t, machine, user)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestParseEntry(t *testing.T) {
	for text, want := range map[string]Entry{
		"https://a.fr":                 {Host: "a.fr", Port: 443},
		"https://a.fr:8443":            {Host: "a.fr", Port: 8443},
		"https://*.a.fr":               {Host: "a.fr", Port: 443, Wildcard: true},
		"https://[2001:db8::1]":        {Host: "2001:db8::1", Port: 443},
		"https://[2001:db8::1]:444":    {Host: "2001:db8::1", Port: 444},
		"http://localhost":             {Host: "localhost", Port: 80, Loopback: true},
		"http://127.0.0.1:3000":        {Host: "127.0.0.1", Port: 3000, Loopback: true},
		"https://xn--hpital-yxa.fr:81": {Host: "xn--hpital-yxa.fr", Port: 81},
	} {
		if got, err := ParseEntry(text); err != nil || got != want {
			t.Errorf("%s: %+v %v, want %+v", text, got, err, want)
		}
	}
	for _, bad := range []string{"", "a.fr", "https://*.gouv.fr", "https://*.a.fr:8443", "https://*.192.0.2.7", "https://*.[::1]", "https://*.*.a.fr", "https://*.", "http://*.localhost", "http://a.fr", "https://a.fr/"} {
		if got, err := ParseEntry(bad); err == nil {
			t.Errorf("%q was parsed as %+v", bad, got)
		}
	}
}

func TestDecide(t *testing.T) {
	const lists = `
[origins]
mode = "MODE"
allow = ["https://portail.example.fr", "https://*.groupe.example.fr", "http://localhost:8080"]
block = ["https://mauvais.groupe.example.fr"]
`
	for origin, want := range map[string][2]Decision{ // ask, listed
		"https://portail.example.fr":           {Allowed, Allowed},
		"https://portail.example.fr:8443":      {Ask, NotListed},
		"https://xportail.example.fr":          {Ask, NotListed},
		"https://portail.example.fr.evil.fr":   {Ask, NotListed},
		"https://portail.4hopital":             {Ask, NotListed},
		"https://192.0.2":                      {Malformed, Malformed},
		"https://a.groupe.example.fr":          {Allowed, Allowed},
		"https://a.b.groupe.example.fr":        {Allowed, Allowed},
		"https://a.groupe.example.fr:8443":     {Ask, NotListed},
		"https://groupe.example.fr":            {Ask, NotListed},
		"https://xgroupe.example.fr":           {Ask, NotListed},
		"https://mauvais.groupe.example.fr":    {Blocked, Blocked},
		"http://localhost:8080":                {Allowed, Allowed},
		"http://localhost:8081":                {Plain, NotListed},
		"http://127.0.0.1:8080":                {Plain, NotListed},
		"null":                                 {Malformed, Malformed},
		"https://Portail.example.fr":           {Malformed, Malformed},
		"chrome-extension://abcdefghijklmnopq": {Malformed, Malformed},
	} {
		for i, mode := range []string{ModeAsk, ModeListed} {
			if got := mustLoad(t, "", strings.ReplaceAll(lists, "MODE", mode)).Decide(origin); got != want[i] {
				t.Errorf("%s in %s: %v, want %v", origin, mode, got, want[i])
			}
		}
	}
}

func TestMachinePolicy(t *testing.T) {
	const machine = `
modules = ["/opt/machine.so"]
[origins]
mode = "listed"
allow = ["https://a.example.fr", "https://b.example.fr", "http://localhost:1"]
block = ["https://x.example.fr"]
[pin]
session = "1h"
`
	const user = `
modules = ["/home/mine.so"]
pinentry = "/home/pinentry"
lang = "en"
[origins]
mode = "ask"
allow = ["https://b.example.fr", "https://c.example.fr", "http://localhost:2"]
block = ["https://y.example.fr"]
[ports]
first = 30000
`
	e := mustLoad(t, machine, user)
	if !slices.Equal(e.Modules, []string{"/opt/machine.so"}) || e.Pinentry != "" || e.Lang != "en" || e.Origins.Mode != ModeListed ||
		e.Ports.First != 27720 || e.PIN.Session != time.Hour {
		t.Errorf("%+v", e.Settings)
	}
	for origin, want := range map[string]Decision{
		"https://a.example.fr": NotListed, "https://b.example.fr": Allowed, "https://c.example.fr": NotListed,
		"https://x.example.fr": Blocked, "https://y.example.fr": Blocked, "http://localhost:2": NotListed, "http://localhost:1": Allowed,
	} {
		if got := e.Decide(origin); got != want {
			t.Errorf("%s: %v, want %v", origin, got, want)
		}
	}
	var warned []string
	for _, w := range e.Warnings {
		warned = append(warned, w.Key)
		if w.Line == 0 || !strings.HasSuffix(w.File, "config.toml") {
			t.Errorf("%+v names no file or line", w)
		}
		if w.In("en") != w.Text || w.In("fr") == w.Text || w.Text == "" {
			t.Errorf("%+v in French: %s", w, w.In("fr"))
		}
	}
	slices.Sort(warned)
	if !slices.Equal(warned, []string{"modules", "origins.mode", "pinentry", "ports.first"}) {
		t.Errorf("warned of %v", warned)
	}
	if !slices.Equal(e.Origins.Allow, []string{"https://b.example.fr"}) {
		t.Errorf("shown as allowed: %v", e.Origins.Allow)
	}
	without := mustLoad(t, machine, "")
	if without.Decide("https://a.example.fr") != Allowed {
		t.Error("where a person lists nothing, the machine's list applies")
	}
	if narrowed := mustLoad(t, "lang = \"fr\"\n", "[origins]\nmode = \"listed\"\n"); narrowed.Origins.Mode != ModeListed {
		t.Error("a person may go from ask to listed")
	}
}

func TestMalformed(t *testing.T) {
	for name, c := range map[string]struct {
		machine, user string
		line          int
		key           string
	}{
		"unknown key":            {"", "colour = 1\n", 1, "colour"},
		"unknown key in a table": {"", "[origins]\nmode=\"ask\"\nlist=[]\n", 3, "origins.list"},
		"wrong type":             {"", "\nmodules = 3\n", 2, "modules"},
		"relative module":        {"", "modules = [\"a.so\"]\n", 1, "modules"},
		"relative pinentry":      {"", "lang=\"fr\"\npinentry = \"pinentry\"\n", 2, "pinentry"},
		"language":               {"", "lang = \"de\"\n", 1, "lang"},
		"mode":                   {"", "[origins]\nmode = \"open\"\n", 2, "origins.mode"},
		"origin with a path":     {"", "[origins]\nallow = [\"https://a.fr/x\"]\n", 2, "origins.allow"},
		"public suffix":          {"", "[origins]\nallow = [\"https://*.gouv.fr\"]\n", 2, "origins.allow"},
		"wildcard with port":     {"", "[origins]\nblock = [\"https://*.a.fr:8443\"]\n", 2, "origins.block"},
		"plain http":             {"", "[origins]\nallow = [\"http://a.fr\"]\n", 2, "origins.allow"},
		"port":                   {"", "[ports]\nfirst = 80\n", 2, "ports.first"},
		"past the last port":     {"", "[ports]\nfirst = 65530\n", 2, "ports.first"},
		"past it, by the count":  {"", "[wss]\nfirst = 65530\ncount = 7\n", 3, "wss.count"},
		"another letter case":    {"", "lang = \"fr\"\nLog = {level = \"info\"}\n", 2, "Log"},
		"count":                  {"", "[ports]\ncount = 101\n", 2, "ports.count"},
		"quit":                   {"", "lang = \"fr\"\nquit = \"no\"\n", 2, "quit"},
		"level":                  {"", "[log]\nlevel = \"loud\"\n", 2, "log.level"},
		"limit too short":        {"", "[limits]\nother = \"10ms\"\n", 2, "limits.other"},
		"limit too long":         {"[limits]\ncard = \"1h\"\n", "", 2, "limits.card"},
		"limit no duration":      {"", "[limits]\npin_pad = \"150\"\n", 2, "limits.pin_pad"},
		"a person's session":     {"", "[pin]\nsession = \"1h\"\n", 2, "pin.session"},
		"session too long":       {"[pin]\nsession = \"5h\"\n", "", 2, "pin.session"},
		"session no duration":    {"[pin]\nsession = \"long\"\n", "", 2, "pin.session"},
		"no TOML":                {"", "lang = \"fr\"\n[origins\n", 2, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, c.machine, c.user)
			var bad *SettingsError
			if !errors.As(err, &bad) {
				t.Fatalf("%v, want a SettingsError", err)
			}
			if bad.Line != c.line || bad.Key != c.key || bad.File == "" || bad.Text == "" {
				t.Errorf("%+v, want line %d, key %q", bad, c.line, c.key)
			}
			if fr := bad.In("fr"); fr == bad.Error() || bad.Error() != bad.In("en") {
				t.Errorf("in French: %s", fr)
			}
		})
	}
	if _, err := Load(Paths{User: filepath.Join(t.TempDir(), "none.toml"), UserRequired: true}); err == nil {
		t.Error("a file that the person named must exist")
	}
}

func TestLimits(t *testing.T) {
	if e := mustLoad(t, "", ""); e.Limits != (Limits{150 * time.Second, 30 * time.Second, 10 * time.Second}) {
		t.Errorf("by default %+v", e.Limits)
	}
	e := mustLoad(t, "[limits]\ncard = \"45s\"\n", "[limits]\nother = \"20s\"\n")
	if e.Limits.Card != 45*time.Second || e.Limits.Other != 10*time.Second || len(e.Warnings) != 1 || e.Warnings[0].Key != "limits.other" {
		t.Errorf("%+v, %+v: a person's limits do not apply where there is a policy", e.Limits, e.Warnings)
	}
}

// TestNotifications: on by default, and the person's own choice unless the policy
// sets it.
func TestNotifications(t *testing.T) {
	for name, c := range map[string]struct {
		machine, user string
		want          bool
		warnings      int
	}{
		"default":         {"", "", true, 0},
		"person":          {"", "notifications = false\n", false, 0},
		"person, policy":  {"lang = \"fr\"\n", "notifications = false\n", false, 0},
		"policy":          {"notifications = false\n", "", false, 0},
		"policy, person":  {"notifications = false\n", "notifications = true\n", false, 1},
		"policy wants it": {"notifications = true\n", "notifications = false\n", true, 1},
	} {
		if e := mustLoad(t, c.machine, c.user); e.Notifications != c.want || len(e.Warnings) != c.warnings {
			t.Errorf("%s: %v %+v", name, e.Notifications, e.Warnings)
		}
	}
	var bad *SettingsError
	if _, err := load(t, "", "notifications = \"no\"\n"); !errors.As(err, &bad) || bad.Line != 1 || bad.Key != "notifications" {
		t.Errorf("%+v", bad)
	}
}

func TestDescribe(t *testing.T) {
	e := mustLoad(t, "lang = \"fr\"\n", "[log]\nlevel = \"debug\"\n")
	if n := len(e.Describe()); n != len(keys()) {
		t.Errorf("%d settings are shown, want %d", n, len(keys()))
	}
	for _, s := range e.Describe() {
		want := "default"
		switch s.Key {
		case "lang":
			want = "policy.toml"
		case "log.level":
			want = "config.toml"
		}
		if !strings.HasSuffix(s.From, want) {
			t.Errorf("%s comes from %s", s.Key, s.From)
		}
	}
}

// TestFixedHoweverWritten: what a machine's policy sets in braces or with a dotted key is
// set as in a table of its own, and no person's settings change it.
func TestFixedHoweverWritten(t *testing.T) {
	for _, machine := range []string{"[log]\nlevel = \"warn\"\n", "log = {level = \"warn\"}\n", "log.level = \"warn\"\n", "\"log\".'level' = \"warn\"\n"} {
		e := mustLoad(t, machine, "[log]\nlevel = \"debug\"\n")
		if !e.Fixed("log.level") || e.Log.Level != "warn" || len(e.Warnings) != 1 || e.Warnings[0].Line != 2 {
			t.Errorf("%q: %s, %+v", machine, e.Log.Level, e.Warnings)
		}
	}
}
