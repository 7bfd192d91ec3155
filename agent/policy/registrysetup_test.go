package policy

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const setupName = `HKLM\SOFTWARE\CPxBridge\Settings`

// withSetup is group policy's key, nil for none, and what the installer was given.
func withSetup(policy, setup map[string]Value) *Registry {
	registry, root := fakeRegistry(policy)
	if policy == nil {
		root.closed = fs.ErrNotExist
	}
	registry.Otherwise, _ = fakeRegistry(setup)
	registry.Otherwise.Name, registry.Otherwise.Joined = setupName, true
	return registry
}

// TestSetupKey: what an installer was given is the machine's policy in every rule where
// group policy has no key, and nothing at all where it has one, even an empty one.
func TestSetupKey(t *testing.T) {
	setup := map[string]Value{
		`origins\allow`: sz("https://a.example.fr https://b.example.fr"), `origins\mode`: sz("listed"), "lang": sz("fr"),
		`wss\enabled`: dword(1), `pin\session`: sz("30m"),
	}
	user := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(user, []byte("lang = \"en\"\n[origins]\nmode = \"ask\"\nallow = [\"https://a.example.fr\", \"https://c.example.fr\"]\nblock = [\"https://d.example.fr\"]\n[ports]\nfirst = 30000\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := Load(Paths{Registry: withSetup(nil, setup), User: user})
	if err != nil {
		t.Fatal(err)
	}
	if got := Show(e.Origins); !e.Managed() || got != Show(Origins{ModeListed, []string{"https://a.example.fr"}, []string{"https://d.example.fr"}}) {
		t.Errorf("managed: %v, %s", e.Managed(), got)
	}
	if e.Lang != "fr" || !e.Fixed("lang") || !e.WSS.Enabled || e.PIN.Session.Minutes() != 30 || e.Ports.First != 27720 {
		t.Errorf("%+v", e.Settings)
	}
	if from := e.Sources["lang"]; from != setupName+`\lang` {
		t.Errorf("from %s", from)
	}
	for name, policy := range map[string]map[string]Value{
		"a key":        {"lang": sz("en")},
		"an empty key": {},
	} {
		e, err := Load(Paths{Registry: withSetup(policy, setup), User: user})
		want := []string{"lang", "origins.mode", "origins.allow", "pin.session", "wss.enabled"}
		if policy["lang"].Data != nil {
			want = want[1:]
		}
		if err == nil && !slices.Equal(e.Hidden(), want) {
			t.Errorf("%s of group policy beside it hides %q, want %q", name, e.Hidden(), want)
		}
		if err != nil || e.WSS.Enabled || e.PIN.Session != 0 || e.Decide("https://b.example.fr") == Allowed {
			t.Errorf("%s of group policy beside it: %v, %+v", name, err, e)
		}
	}
	setup[`origins\mode`] = sz("other") // which nobody reads
	if e, err := Load(Paths{Registry: withSetup(map[string]Value{"lang": sz("en")}, setup)}); err != nil || e.Hidden() != nil {
		t.Errorf("bad settings of the installer beside group policy: %v, %q", err, e.Hidden())
	}
	registry, root := fakeRegistry(nil)
	root.closed = fs.ErrPermission
	registry.Otherwise, _ = fakeRegistry(setup)
	if _, err := Load(Paths{Registry: registry}); err == nil {
		t.Error("a key of group policy that cannot be read is passed over for the installer's")
	}
}

// TestCheckSetup: what the installer was given is examined alone: a group policy that was bad
// before it does not fail an upgrade, and one that is good hides nothing.
func TestCheckSetup(t *testing.T) {
	bad := map[string]Value{"lang": sz("de")}
	good := map[string]Value{"lang": sz("fr"), `origins\allow`: sz("https://a.fr;https://b.fr")}
	for name, c := range map[string]struct {
		policy, setup map[string]Value
		wrong         string
	}{
		"good alone":              {nil, good, ""},
		"good beside bad policy":  {bad, good, ""},
		"bad alone":               {nil, bad, setupName + `\lang`},
		"bad beside good policy":  {good, bad, setupName + `\lang`},
		"a path from the network": {nil, map[string]Value{"modules": sz(`\\server\a.dll`)}, setupName + `\modules`},
	} {
		err := Paths{Registry: withSetup(c.policy, c.setup)}.CheckSetup()
		if (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%s: %v, want %q", name, err, c.wrong)
		}
	}
	if err := (Paths{Machine: "policy.toml"}).CheckSetup(); !errors.Is(err, ErrNoSetup) {
		t.Errorf("without a registry: %v", err)
	}
}

// TestJoinedList: an installer's property is one text, whatever its separators; group policy's
// lists are none.
func TestJoinedList(t *testing.T) {
	for text, want := range map[string]string{
		"https://a.fr":                              `["https://a.fr"]`,
		"https://a.fr https://*.b.fr":               `["https://a.fr", "https://*.b.fr"]`,
		" https://a.fr;https://b.fr , https://c.fr": `["https://a.fr", "https://b.fr", "https://c.fr"]`,
		"": "[]",
	} {
		e, err := Load(Paths{Registry: withSetup(nil, map[string]Value{`origins\allow`: sz(text)})})
		if err != nil {
			t.Errorf("%q: %v", text, err)
		} else if got := Show(e.Origins.Allow); got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
	_, err := Load(Paths{Registry: withSetup(nil, map[string]Value{`origins\allow`: sz("https://a.fr http://b.fr")})})
	if err == nil || !strings.Contains(err.Error(), setupName+`\origins\allow`) || !strings.Contains(err.Error(), "http://b.fr") {
		t.Errorf("a site that is none: %v", err)
	}
	if _, err := loadRegistry(t, map[string]Value{`origins\allow`: sz("https://a.fr")}); err == nil {
		t.Error("group policy's list is one text")
	}
}
