package policy

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
)

// fakeKey is a key of a registry that need not be Windows's.
type fakeKey struct {
	values map[string]Value
	keys   map[string]*fakeKey
	closed error // why it cannot be opened
	busy   *int  // so often it is changed while it is read
}

func (k *fakeKey) Values() (list []Value, err error) {
	if k.busy != nil && *k.busy > 0 {
		*k.busy--
		return nil, errChanging
	}
	for name, v := range k.values {
		v.Name = name
		list = append(list, v)
	}
	return list, nil
}

func (k *fakeKey) Keys() ([]string, error) { return slices.Collect(maps.Keys(k.keys)), nil }
func (k *fakeKey) Close() error            { return nil }

func (k *fakeKey) Open(name string) (Key, error) {
	switch sub := k.keys[name]; {
	case sub == nil:
		return nil, fs.ErrNotExist
	case sub.closed != nil:
		return nil, sub.closed
	default:
		return sub, nil
	}
}

// at is the key of that name, made where it is missing.
func (k *fakeKey) at(path string) *fakeKey {
	for name := range strings.SplitSeq(path, `\`) {
		if name == "" {
			continue
		}
		if k.keys[name] == nil {
			k.keys[name] = newFakeKey()
		}
		k = k.keys[name]
	}
	return k
}

func newFakeKey() *fakeKey { return &fakeKey{values: map[string]Value{}, keys: map[string]*fakeKey{}} }

// fakeRegistry has the values of the full names below the policy's key; a name that ends
// with a backslash is a key, and (Default) the value without one.
func fakeRegistry(values map[string]Value) (*Registry, *fakeKey) {
	root := newFakeKey()
	for name, v := range values {
		i := strings.LastIndex(name, `\`)
		key := root.at(name[:max(i, 0)])
		if i != len(name)-1 {
			key.values[strings.TrimPrefix(name[i+1:], "(Default)")] = v
		}
	}
	return &Registry{
		Name: testKey,
		Open: func() (Key, error) { return root, root.closed },
		Expand: func(name string) (string, bool) {
			return `C:\Program Files`, strings.EqualFold(name, "ProgramFiles")
		},
	}, root
}

const testKey = `HKLM\SOFTWARE\Policies\CPxBridge`

func units(text string) (data []byte) {
	for _, unit := range utf16.Encode([]rune(text)) {
		data = binary.LittleEndian.AppendUint16(data, unit)
	}
	return data
}

func sz(text string) Value             { return Value{Type: regSZ, Data: units(text + "\x00")} }
func expandSZ(text string) Value       { return Value{Type: regExpandSZ, Data: units(text + "\x00")} }
func raw(kind uint32, d ...byte) Value { return Value{Type: kind, Data: d} }
func dword(n uint32) Value             { return raw(regDWORD, binary.LittleEndian.AppendUint32(nil, n)...) }
func multiSZ(texts ...string) Value {
	return Value{Type: regMultiSZ, Data: units(strings.Join(append(texts, ""), "\x00") + "\x00")}
}

func loadRegistry(t *testing.T, values map[string]Value) (*Effective, error) {
	t.Helper()
	registry, _ := fakeRegistry(values)
	return Load(Paths{Registry: registry})
}

// TestRegistry: every setting reads as from a file, whatever the letter case and the
// order in which Windows shows values, and says where it stands.
func TestRegistry(t *testing.T) {
	values := map[string]Value{
		`Modules\10`: sz(`C:\ten.dll`), `Modules\2`: expandSZ(`%programfiles%\Vendor\a.dll`), `Modules\1`: sz(`D:/Clé/é.dll`),
		"modules_from_network": dword(0), "PINENTRY": sz(`\\?\C:\p.exe`), "lang": sz("en"), "Notifications": dword(0), "quit": dword(0),
		`Origins\mode`: sz("listed"), `Origins\Allow\10`: sz("https://c.example.fr"), `Origins\Allow\9`: sz("https://b.example.fr"), `Origins\Allow\1`: sz("https://a.example.fr"),
		`Origins\block`: multiSZ("https://x.example.fr", "https://y.example.fr"),
		`ports\first`:   dword(30000), `ports\count`: dword(20), `pin\session`: sz("30m"),
		`wss\Enabled`: dword(1), `wss\first`: dword(31000), `wss\count`: dword(20), `log\level`: sz("debug"), `log\events`: dword(1),
		`limits\pin_pad`: sz("151s"), `limits\card`: sz("31s"), `limits\other`: sz("11s"),
	}
	e, err := loadRegistry(t, values)
	if err != nil {
		t.Fatal(err)
	}
	want := Settings{
		Modules: []string{`D:/Clé/é.dll`, `C:\Program Files\Vendor\a.dll`, `C:\ten.dll`}, Pinentry: `\\?\C:\p.exe`, Lang: "en",
		Origins: Origins{ModeListed, []string{"https://a.example.fr", "https://b.example.fr", "https://c.example.fr"}, []string{"https://x.example.fr", "https://y.example.fr"}},
		Ports:   Ports{30000, 20}, PIN: PIN{30 * time.Minute}, WSS: WSS{true, 31000, 20}, Log: Log{Level: "debug", Events: true},
		Limits: Limits{151 * time.Second, 31 * time.Second, 11 * time.Second},
	}
	for i := range definitions {
		d := &definitions[i]
		if got, wanted := Show(d.get(&e.Settings)), Show(d.get(&want)); got != wanted {
			t.Errorf("%s is %s, want %s", d.Key, got, wanted)
		}
		if from := testKey + `\` + strings.ReplaceAll(d.Key, ".", `\`); e.Sources[d.Key] != from || !e.Fixed(d.Key) {
			t.Errorf("%s comes from %s, want %s", d.Key, e.Sources[d.Key], from)
		}
	}
}

// TestRegistryShapes: what programs write otherwise and means the same.
func TestRegistryShapes(t *testing.T) {
	for name, c := range map[string]struct {
		value Value
		want  string
	}{
		"no end":                {Value{Type: regMultiSZ, Data: units("https://a.fr\x00https://b.fr")}, `["https://a.fr", "https://b.fr"]`},
		"one end":               {Value{Type: regMultiSZ, Data: units("https://a.fr\x00")}, `["https://a.fr"]`},
		"more than one end":     {Value{Type: regMultiSZ, Data: units("https://a.fr\x00\x00")}, `["https://a.fr"]`},
		"empty, with its end":   {multiSZ(), "[]"},
		"empty, without an end": {Value{Type: regMultiSZ}, "[]"},
	} {
		e, err := loadRegistry(t, map[string]Value{`origins\allow`: c.value})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if got := Show(e.Origins.Allow); got != c.want || !e.Fixed("origins.allow") {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	for name, values := range map[string]map[string]Value{
		"nothing in the key":          {`\`: {}},
		"nothing in a section":        {`origins\`: {}},
		"text without an end":         {"lang": {Type: regSZ, Data: units("fr")}},
		"a list's numbers with a gap": {`origins\allow\3`: sz("https://a.fr"), `origins\allow\999999999`: sz("https://b.fr")},
	} {
		if e, err := loadRegistry(t, values); err != nil || !e.Managed() {
			t.Errorf("%s: %v", name, err)
		}
	}
	if e, err := loadRegistry(t, map[string]Value{`origins\allow\`: {}}); err != nil || !e.machineLists || e.Decide("https://a.fr") != Ask {
		t.Errorf("a list without entries allows nobody, and is one: %v", err)
	}
}

// TestRegistryRefused: what is not a setting's own type, shape or value ends with the full
// name of the value.
func TestRegistryRefused(t *testing.T) {
	long := strings.Repeat("a", MaxValue)
	for value, cases := range map[string][]Value{
		`colour`:                  {sz("red"), dword(1)},
		`(Default)`:               {sz(""), sz("x")},
		`origins\(Default)`:       {sz("")},
		`origins\allow\(Default)`: {sz("https://a.fr")},
		`colours\`:                {{}},
		`origins\colours\`:        {{}},
		`origins\allow\1\`:        {{}},
		`origins\mode\`:           {{}},
		`lang\`:                   {{}},
		`origins\origins\`:        {{}},
		`lang\lang\`:              {},
		`origins`:                 {sz("ask"), dword(1), multiSZ("https://a.fr")},
		`origins.mode`:            {sz("listed")},
		`mode`:                    {sz("listed")},
		`lang`:                    {sz("de"), dword(1), expandSZ("fr"), multiSZ("fr"), raw(3, units("fr")...), raw(0), raw(6, units("fr")...), raw(99), raw(regSZ, 'f', 0, 'r'), sz("fr\x00en"), sz("fr\x00"), sz("fr\n"), raw(regSZ, 0, 0xd8, 0, 0), sz(long), sz(" fr"), sz("FR")},
		`ports\first`:             {sz("30000"), raw(11, 0x30, 0x75, 0, 0, 0, 0, 0, 0), raw(5, 0, 0, 0x75, 0x30), raw(3, 0x30, 0x75, 0, 0), raw(regDWORD), raw(regDWORD, 1), raw(regDWORD, 0x30, 0x75), raw(regDWORD, 0x30, 0x75, 0, 0, 0), dword(80), dword(65536), dword(1 << 31), dword(1<<32 - 1), dword(65530)},
		`ports\count`:             {dword(0), dword(101)},
		`wss\enabled`:             {dword(2), dword(1<<32 - 1), sz("1"), sz("true"), raw(11, 1, 0, 0, 0, 0, 0, 0, 0), raw(3, 1)},
		`notifications`:           {dword(2), sz("no")},
		`quit`:                    {dword(2), sz("no"), sz("")},
		`pin\session`:             {sz("5h"), sz("-1m"), sz("long"), sz(""), dword(30), expandSZ("30m")},
		`limits\card`:             {sz("1h"), sz("10ms"), dword(30)},
		`log\level`:               {sz("loud"), sz("")},
		`pinentry`:                {sz("p.exe"), sz(`\p.exe`), sz("C:p.exe"), sz("/usr/bin/pinentry"), sz(`\\server\share\p.exe`), expandSZ(`%USERPROFILE%\p.exe`), expandSZ(`%%\p.exe`), sz(`%ProgramFiles%\p.exe`), expandSZ("%"), sz("C:\\a\x00.exe")},
		`modules`:                 {sz(`C:\a.dll`), expandSZ(`C:\a.dll`), dword(1), multiSZ("a.dll"), multiSZ(`C:\a.dll`, `\\server\share\a.dll`), Value{Type: regMultiSZ, Data: units("C:\\a.dll\x00\x00C:\\b.dll\x00")}, Value{Type: regMultiSZ, Data: units("\x00C:\\b.dll\x00")}, raw(regMultiSZ, 'C')},
		`modules\1`:               {sz("a.dll"), sz(""), dword(1), multiSZ(`C:\a.dll`), sz(`\\server\share\a.dll`), sz(`//server/share/a.dll`), sz(`\\?\UNC\server\share\a.dll`), sz(`\\.\pipe\a`), sz(`\\?\GLOBALROOT\Device\Mup\a`), sz(`\??\C:\a.dll`), sz("file:///C:/a.dll")},
		`modules\01`:              {sz(`C:\a.dll`)},
		`modules\-1`:              {sz(`C:\a.dll`)},
		`modules\1a`:              {sz(`C:\a.dll`)},
		`modules\1000000000`:      {sz(`C:\a.dll`)},
		`modules\١`:               {sz(`C:\a.dll`)},
		`origins\allow\3`:         {sz("https://a.fr/x"), sz("https://*.gouv.fr"), sz(""), expandSZ("https://a.fr"), dword(1), sz("https://a.fr\x00.b.fr")},
		`origins\allow`:           {sz("https://a.fr"), multiSZ("https://a.fr", "http://b.fr"), dword(0)},
		`origins\mode`:            {sz("open"), sz(""), dword(1)},
		`originſ\mode`:            {},
		`lang` + "\u202e\x1b[31m": {sz("fr")},
	} {
		for _, v := range cases {
			_, err := loadRegistry(t, map[string]Value{value: v})
			var bad *SettingsError
			if !errors.As(err, &bad) {
				t.Errorf("%s, %s of %d bytes: %v", value, typeName(v.Type), len(v.Data), err)
				continue
			}
			full := testKey + `\` + strings.TrimSuffix(value, `\`)
			if strings.HasPrefix(value, "lang\u202e") {
				full = testKey + "\\lang\ufffd\ufffd[31m"
			}
			if bad.File != full || bad.Line != 0 || bad.Text == "" || len(err.Error()) > 500 || strings.ContainsAny(err.Error(), "\x00\x1b\n\u202e") {
				t.Errorf("%s, %s: %q", value, typeName(v.Type), err)
			}
			if bad.In("fr") == bad.In("en") || bad.In("en") != bad.Error() {
				t.Errorf("%s, %s in French: %s", value, typeName(v.Type), bad.In("fr"))
			}
		}
	}
	for name, c := range map[string]struct {
		values map[string]Value
		want   string
	}{
		"given both ways":       {map[string]Value{`origins\allow`: multiSZ(), `origins\allow\1`: sz("https://a.fr")}, `origins\allow\1: is given twice`},
		"the entry that is bad": {map[string]Value{`origins\block\1`: sz("https://a.fr"), `origins\block\10`: sz("x"), `origins\block\2`: sz("https://b.fr")}, `origins\block\10: `},
		"a letter that folds":   {map[string]Value{"l\u0131mits\\": {}}, "unknown key"},
		"a long s":              {map[string]Value{"origin\u017f\\": {}}, "unknown key"},
		"what it must be":       {map[string]Value{"notifications": sz("1")}, `notifications: must be REG_DWORD, not REG_SZ`},
		"many":                  {many(), "holds more than"},
	} {
		if _, err := loadRegistry(t, c.values); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

func many() map[string]Value {
	values := map[string]Value{}
	for i := range maxNames + 1 {
		values[`origins\allow\`+strings.Repeat("1", 1+i%9)+string(rune('a'+i%26))+string(rune(0x4e00+i))] = sz("https://a.fr")
	}
	return values
}

// TestRegistryUnreadable: a key that may not be read ends with its name, whatever else is
// good; one that is missing is no policy.
func TestRegistryUnreadable(t *testing.T) {
	for _, path := range []string{"", "origins", `origins\allow`, "modules"} {
		registry, root := fakeRegistry(map[string]Value{"lang": sz("fr"), `origins\allow\1`: sz("https://a.fr"), `modules\1`: sz(`C:\a.dll`)})
		root.at(path).closed = fs.ErrPermission
		_, err := Load(Paths{Registry: registry})
		var bad *SettingsError
		if want := strings.TrimSuffix(testKey+`\`+path, `\`); !errors.As(err, &bad) || bad.File != want || !strings.Contains(bad.Text, "cannot be read") {
			t.Errorf("%s: %v", path, err)
		}
	}
	registry, root := fakeRegistry(nil)
	root.closed = fs.ErrNotExist
	if e, err := Load(Paths{Registry: registry}); err != nil || e.Managed() {
		t.Errorf("without a key: %v", err)
	}
	registry.Trusted = func() error { return &SettingsError{File: testKey, Text: "others may change it"} }
	if _, err := Load(Paths{Registry: registry}); err == nil {
		t.Error("a key that others may make is taken for none")
	}
}

// TestRegistryChanging: a policy that is being written is read again, and one that never
// comes to rest is not taken in parts.
func TestRegistryChanging(t *testing.T) {
	for times, good := range map[int]bool{1: true, 2: true, 3: false} {
		registry, root := fakeRegistry(map[string]Value{`origins\mode`: sz("listed")})
		rest := times
		root.at("origins").busy = &rest
		e, err := Load(Paths{Registry: registry})
		if good && (err != nil || e.Origins.Mode != ModeListed) || !good && (err == nil || !strings.Contains(err.Error(), testKey)) {
			t.Errorf("%d times: %v", times, err)
		}
	}
}

// TestNetworkPaths: what the machine's policy names on the network runs only where it
// says so.
func TestNetworkPaths(t *testing.T) {
	for _, path := range []string{`\\server\share\a.dll`, `//server/share/a.dll`, `\\?\UNC\server\share\a.dll`, `\\.\C:\a.dll`} {
		values := map[string]Value{`modules\1`: sz(path), "modules_from_network": dword(1)}
		if e, err := loadRegistry(t, values); err != nil || !slices.Equal(e.Modules, []string{path}) {
			t.Errorf("%s: %v", path, err)
		}
		values["modules_from_network"] = dword(0)
		if _, err := loadRegistry(t, values); err == nil || !strings.Contains(err.Error(), `modules\1: `) || !strings.Contains(err.Error(), "modules_from_network") {
			t.Errorf("%s: %v", path, err)
		}
	}
	for path, want := range map[string][2]bool{ // absolute, elsewhere
		`C:\a`: {true, false}, `z:/a`: {true, false}, `\\?\C:\a`: {true, false}, `C:`: {}, `C:a`: {}, `\a`: {}, `a`: {}, ``: {}, `\\`: {}, `1:\a`: {}, `\\?\C:`: {true, true},
		`\/server`: {true, true}, `/usr/lib/a.so`: {},
	} {
		if got := [2]bool{windowsPaths.absolute(path), windowsPaths.elsewhere(path)}; got != want {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
	if !unixPaths.absolute("/a") || unixPaths.absolute(`C:\a`) || unixPaths.elsewhere(`//server/share`) {
		t.Error("Windows's paths are not this system's")
	}
}

// TestRegistryAndPerson: a person's file stands to the registry as to a policy's file.
func TestRegistryAndPerson(t *testing.T) {
	registry, _ := fakeRegistry(map[string]Value{`origins\mode`: sz("listed"), `origins\allow\1`: sz("https://a.fr"), `log\level`: sz("warn")})
	paths := personsFile(t, "[origins]\nmode = \"ask\"\nallow = [\"https://b.fr\"]\n[log]\nlevel = \"debug\"\n")
	paths.Registry, paths.Machine = registry, "/nowhere/policy.toml"
	e, err := Load(paths)
	if err != nil || e.Log.Level != "warn" || e.Decide("https://a.fr") != NotListed || e.Decide("https://b.fr") != NotListed || len(e.Warnings) != 2 {
		t.Errorf("%v, %+v", err, e)
	}
}
