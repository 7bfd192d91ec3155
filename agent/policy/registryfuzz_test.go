package policy

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"
)

// FuzzRegistry: whatever stands in the registry, each value in it counts as what it says, or
// ends with its name; nothing is passed over, and a person's file widens none of it.
func FuzzRegistry(f *testing.F) {
	add := func(values map[string]Value) {
		var script []byte
		for name, v := range values {
			script = append(script, byte(len(name)))
			script = append(append(script, name...), byte(v.Type), byte(len(v.Data)))
			script = append(script, v.Data...)
		}
		f.Add(script, []byte("[origins]\nmode = \"ask\"\n"))
	}
	add(map[string]Value{`origins\mode`: sz("listed"), `origins\allow\1`: sz("https://a.fr"), `origins\allow\10`: sz("https://*.b.fr")})
	add(map[string]Value{`origins\block`: multiSZ("https://a.fr"), `ports\first`: dword(30000), "modules_from_network": dword(1)})
	add(map[string]Value{`modules\1`: expandSZ(`%ProgramFiles%\a.dll`), "pinentry": sz(`C:\p.exe`), `pin\session`: sz("30m"), `wss\enabled`: dword(1)})
	add(map[string]Value{"(Default)": sz(""), "notifications": raw(11, 1, 0, 0, 0, 0, 0, 0, 0)})
	f.Fuzz(func(t *testing.T, script, person []byte) {
		values := scripted(script)
		registry, _ := fakeRegistry(values)
		alone, err := Load(Paths{Registry: registry})
		if err != nil {
			bad, is := err.(*SettingsError) //nolint:errorlint // it is returned as it is
			if !is || !strings.HasPrefix(bad.File, testKey) || bad.Text == "" || len(err.Error()) > 1000 || strings.ContainsAny(err.Error(), "\x00\n\r\x1b") {
				t.Errorf("%q", err)
			}
			return
		}
		bounded(t, alone)
		// What was taken is all that stands there.
		entries := 0
		for _, d := range Definitions() {
			if alone.Fixed(d.Key) && !d.Kind.List() {
				entries++
			}
		}
		for name, v := range values {
			i := strings.LastIndex(name, `\`)
			d := find(strings.ToLower(name[:max(i, 0)]), name[i+1:])
			switch {
			case i == len(name)-1: // a key
			case d == nil || d.Kind.List():
				lists := slices.ContainsFunc(definitions, func(d Definition) bool {
					list := strings.ReplaceAll(d.Key, ".", `\`)
					return d.Kind.List() && (strings.EqualFold(name, list) || i >= 0 && strings.EqualFold(name[:i], list)) && alone.Fixed(d.Key)
				})
				if !lists {
					t.Errorf("%q is passed over", name)
				}
			case !alone.Fixed(d.Key) || d.Kind == KindText && d.get(&alone.Settings) != strings.TrimSuffix(ofUnits(v.Data), "\x00"):
				t.Errorf("%q: %v", name, d.get(&alone.Settings))
			default:
				entries--
			}
		}
		if entries != 0 {
			t.Errorf("%d more settings than values", entries)
		}
		paths := personsFile(t, string(person))
		paths.Registry = registry
		if both, err := Load(paths); err == nil {
			bounded(t, both)
			narrower(t, alone, both)
		}
	})
}

func ofUnits(data []byte) string {
	var b strings.Builder
	for i := 0; i+1 < len(data); i += 2 {
		b.WriteRune(rune(binary.LittleEndian.Uint16(data[i:])))
	}
	return b.String()
}

// scripted are the values that the bytes say: a name, a type and data, each with its length.
// A registry holds one value of a name, whatever its letter case.
func scripted(script []byte) map[string]Value {
	values, seen := map[string]Value{}, map[string]bool{}
	part := func() []byte {
		if len(script) == 0 {
			return nil
		}
		n := min(int(script[0]), len(script)-1)
		read := script[1 : 1+n]
		script = script[1+n:]
		return read
	}
	for len(script) > 0 {
		name := string(part())
		kind := byte(0)
		if len(script) > 0 {
			kind, script = script[0], script[1:]
		}
		data := part()
		if fold := strings.ToLower(name); !seen[fold] && name != "" && !strings.Contains(name, `\\`) && !strings.HasPrefix(name, `\`) {
			seen[fold] = true
			values[name] = Value{Type: uint32(kind), Data: data}
		}
	}
	return values
}
