package policy

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/fuzzing"
	"github.com/cpx-bridge/cpx-bridge/internal/origin"
)

// FuzzLoad: whatever a person writes beside a machine's policy, nothing becomes wider,
// and what the machine sets stays; whatever either writes, values are within their
// bounds or the file is refused by name, in few characters.
func FuzzLoad(f *testing.F) {
	f.Add([]byte("[origins]\nmode = \"listed\"\nallow = [\"https://a.fr\"]\n"), []byte("[origins]\nmode = \"ask\"\nallow = [\"https://*.b.fr\"]\n"))
	dir := fuzzing.Folder(f)
	paths := Paths{Machine: filepath.Join(dir, "policy.toml"), User: filepath.Join(dir, "config.toml")}
	f.Fuzz(func(t *testing.T, machine, user []byte) {
		for path, text := range map[string][]byte{paths.Machine: machine, paths.User: user} {
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		alone, err := Load(Paths{Machine: paths.Machine})
		if err != nil {
			refused(t, err, paths.Machine)
			return
		}
		bounded(t, alone)
		both, err := Load(paths)
		if err != nil {
			refused(t, err, paths.User)
			if both != nil {
				t.Error("settings come with a refusal")
			}
			return
		}
		bounded(t, both)
		narrower(t, alone, both)
		if one, err := Load(Paths{User: paths.User}); err == nil {
			bounded(t, one)
		}
	})
}

func refused(t *testing.T, err error, path string) {
	var e *SettingsError
	if !errors.As(err, &e) || e.File != path || e.Text == "" || len(err.Error()) > len(path)+2000 || strings.ContainsAny(err.Error(), "\x00\n\r\x1b") {
		t.Errorf("%q", err)
	}
}

// bounded checks what every agent relies on.
func bounded(t *testing.T, e *Effective) {
	for what, r := range map[string]Ports{"ports": e.Ports, "wss": {e.WSS.First, e.WSS.Count}} {
		if r.First < 1024 || r.Count < 1 || r.Count > 100 || r.First+r.Count-1 > 65535 {
			t.Errorf("%s %+v", what, r)
		}
	}
	if s := e.PIN.Session; s < 0 || s > 4*time.Hour || s > 0 && !e.Managed() {
		t.Errorf("pin.session %s, a machine's policy: %v", s, e.Managed())
	}
	for _, limit := range []time.Duration{e.Limits.PINPad, e.Limits.Card, e.Limits.Other} {
		if limit < time.Second || limit > 10*time.Minute {
			t.Errorf("limit %s", limit)
		}
	}
	if e.Origins.Mode != ModeAsk && e.Origins.Mode != ModeListed {
		t.Errorf("mode %q", e.Origins.Mode)
	}
	for _, path := range append([]string{e.Pinentry}, e.Modules...) {
		if path != "" && !filepath.IsAbs(path) && (e.machine == nil || !e.machine.system.absolute(path) || e.machine.system.elsewhere(path) && !e.ModulesFromNetwork) {
			t.Errorf("path %q", path)
		}
	}
	for _, setting := range e.Describe() {
		if setting.From == "" {
			t.Errorf("%s comes from nowhere", setting.Key)
		}
	}
}

// narrower checks that a person's settings widen nothing of the machine's.
func narrower(t *testing.T, alone, both *Effective) {
	if !slices.Equal(alone.Modules, both.Modules) || alone.Pinentry != both.Pinentry || alone.PIN != both.PIN || alone.Ports != both.Ports ||
		alone.WSS != both.WSS || alone.Limits != both.Limits || alone.Origins.Mode == ModeListed && both.Origins.Mode != ModeListed {
		t.Errorf("%+v\nbecame %+v", alone.Settings, both.Settings)
	}
	before := alone.Describe()
	for i, now := range both.Describe() {
		own := slices.Contains([]string{"origins.mode", "origins.allow", "origins.block"}, now.Key)
		if before[i].From != "default" && !own && now != before[i] {
			t.Errorf("the machine sets %+v, and it is %+v", before[i], now)
		}
	}
	for _, header := range probes(alone, both) {
		was, is := alone.Decide(header), both.Decide(header)
		if _, err := origin.Parse(header); err != nil && is != Malformed {
			t.Errorf("%q: %v", header, is)
		}
		// From the widest to the narrowest. A person may allow what the machine
		// lets them be asked about, where it has no list of its own.
		rank := map[Decision]int{Allowed: 2, Ask: 1, Plain: 0, NotListed: 0, Blocked: 0, Malformed: 0}
		if rank[is] > rank[was] && !(was == Ask && is == Allowed && !alone.machineLists) && !(was == NotListed && is == Allowed && !alone.machineLists && !strings.HasPrefix(header, "http:")) {
			t.Errorf("%q: %d by the machine alone, %d beside the person's", header, was, is)
		}
		if was == Blocked && is != Blocked {
			t.Errorf("%q is blocked by the machine, and is %d", header, is)
		}
	}
}

// probes are origins that the lists name, and neighbours of theirs.
func probes(all ...*Effective) []string {
	list := []string{"https://a.fr", "https://x.a.fr", "http://localhost", "http://127.0.0.1:3000", "null", ""}
	for _, e := range all {
		for _, entry := range slices.Concat(e.machineAllow, e.userAllow, e.Origins.Block) {
			host := strings.Replace(entry, "*.", "x.", 1)
			list = append(list, entry, host, host+":8443", strings.Replace(entry, "*.", "", 1), strings.Replace(host, "://", "://y.", 1),
				strings.ToUpper(host), host+".", host+"/", strings.Replace(host, "https:", "http:", 1), host+".evil.example")
		}
	}
	return list
}
