package policy

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/owners"
)

// TestRestAsksForEvents: a policy that is bad allows nobody, and still says whether it asks
// for security events, in a file and in the registry.
func TestRestAsksForEvents(t *testing.T) {
	of := func(what string, paths Paths, want bool) {
		t.Helper()
		if _, err := Load(paths); err == nil {
			t.Errorf("%s: it is good", what)
		}
		if e := Rest(paths); e.Log.Events != want || e.Origins.Mode != ModeListed || len(e.Origins.Allow) > 0 || len(e.Modules) > 0 {
			t.Errorf("%s: events %v, want %v; %+v", what, e.Log.Events, want, e.Settings)
		}
	}
	for text, want := range map[string]bool{
		"modules = [\"/a.so\"]\n[origins]\nallow = [\"https://a.example.fr\"]\nmode = \"open\"\n[log]\nevents = true\n": true,
		"[log]\nevents = true\nlevel = \"loud\"\n": true, "[log]\nevents = true\n[colours]\nred = 1\n": true,
		"[log]\nevents = false\nlevel = \"loud\"\n": false, "[log]\nlevel = \"loud\"\n": false, "[log]\nevents = \"yes\"\n": false, "[log\nevents = true\n": false,
	} {
		file := filepath.Join(t.TempDir(), "policy.toml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		of(text, Paths{Machine: file, Owners: owners.Person}, want)
	}
	in := func(values map[string]Value) *Registry { r, _ := fakeRegistry(values); return r }
	setup := in(map[string]Value{"lang": sz("de"), `log\Events`: dword(1)})
	missing := &Registry{Name: testKey, Open: func() (Key, error) { return nil, fs.ErrNotExist }, Otherwise: setup}
	other := in(map[string]Value{"lang": sz("de")})
	other.Otherwise = setup
	for what, c := range map[string]struct {
		registry *Registry
		want     bool
	}{
		"a bad value before": {in(map[string]Value{"lang": sz("de"), `log\events`: dword(1)}), true},
		"a bad value beside": {in(map[string]Value{`log\level`: sz("loud"), `log\events`: dword(1)}), true},
		"switched off":       {in(map[string]Value{"lang": sz("de"), `log\events`: dword(0)}), false},
		"of another type":    {in(map[string]Value{`log\events`: sz("1")}), false},
		"no section":         {in(map[string]Value{"lang": sz("de")}), false},
		"the installer's":    {missing, true}, "the policy's own": {other, false},
	} {
		of(what, Paths{Registry: c.registry}, c.want)
	}
}
