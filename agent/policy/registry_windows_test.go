package policy

import (
	"errors"
	"io/fs"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

var regSetValueEx = windows.NewLazySystemDLL("advapi32.dll").NewProc("RegSetValueExW")

// realKey makes a key below the policy's own, which goes when the test ends.
func realKey(t *testing.T, path string) registry.Key {
	t.Helper()
	return keyBelow(t, PolicyKey, path)
}

func keyBelow(t *testing.T, root, path string) registry.Key {
	t.Helper()
	key, _, err := registry.CreateKey(registry.LOCAL_MACHINE, strings.TrimSuffix(root+`\`+path, `\`), registry.ALL_ACCESS)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = key.Close() })
	return key
}

// remove removes the policy's key, the installer's, and all below them.
func remove(t *testing.T) {
	t.Helper()
	var below func(path string)
	below = func(path string) {
		key, err := registry.OpenKey(registry.LOCAL_MACHINE, path, registry.ENUMERATE_SUB_KEYS)
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		names, err := key.ReadSubKeyNames(-1)
		_ = key.Close()
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			below(path + `\` + name)
		}
		if err := registry.DeleteKey(registry.LOCAL_MACHINE, path); err != nil {
			t.Fatal(err)
		}
	}
	below(PolicyKey)
	below(setupKey)
}

// setRaw sets a value of any type and bytes.
func setRaw(t *testing.T, path, name string, v Value) {
	t.Helper()
	wide, err := windows.UTF16PtrFromString(name)
	if err != nil {
		t.Fatal(err)
	}
	data := append(slices.Clone(v.Data), 0) // so that there is a first byte
	if status, _, _ := regSetValueEx.Call(uintptr(realKey(t, path)), uintptr(unsafe.Pointer(wide)), 0, uintptr(v.Type), uintptr(unsafe.Pointer(&data[0])), uintptr(len(v.Data))); status != 0 {
		t.Fatal(windows.Errno(status))
	}
}

// machinesOwn are the paths of Load without a person's file.
func machinesOwn() Paths { return Paths{Registry: machineRegistry()} }

// TestRealRegistry: settings written as programs write them are read from the real registry.
func TestRealRegistry(t *testing.T) {
	remove(t)
	t.Cleanup(func() { remove(t) })
	if e, err := Load(machinesOwn()); err != nil || e.Managed() {
		t.Fatalf("without a key: %v", err)
	}
	root, allow := realKey(t, ""), realKey(t, `Origins\ALLOW`)
	for i := range 12 {
		if err := allow.SetStringValue(strconv.Itoa(12-i), "https://s"+strconv.Itoa(12-i)+".example.fr"); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(
		root.SetStringsValue("Modules", []string{`C:\Clé\é.dll`}), root.SetExpandStringValue("pinentry", `%PROGRAMFILES%\p.exe`),
		root.SetDWordValue("notifications", 0), realKey(t, "ports").SetDWordValue("First", 30000), realKey(t, "pin").SetStringValue("session", "30m"),
		realKey(t, "origins").SetStringValue("mode", "listed"),
	); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ProgramFiles", `C:\Users\Public`) // as a person may set it
	e, err := Load(machinesOwn())
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"https://s1.example.fr", "https://s2.example.fr"}; len(e.Origins.Allow) != 12 || !slices.Equal(e.Origins.Allow[:2], want) || e.Origins.Allow[11] != "https://s12.example.fr" {
		t.Errorf("allowed: %q", e.Origins.Allow)
	}
	if !slices.Equal(e.Modules, []string{`C:\Clé\é.dll`}) || e.Pinentry != `C:\Program Files\p.exe` || e.Notifications || e.Ports != (Ports{30000, 10}) || e.PIN.Session.Minutes() != 30 || e.Origins.Mode != ModeListed {
		t.Errorf("%+v", e.Settings)
	}
	if from := e.Sources["ports.first"]; from != `HKLM\SOFTWARE\Policies\CPxBridge\ports\first` {
		t.Errorf("from %s", from)
	}
}

// TestRealSetupKey: what the installer was given is read where group policy has no key, and
// what counts changes as that key comes and goes.
func TestRealSetupKey(t *testing.T) {
	remove(t)
	t.Cleanup(func() { remove(t) })
	if err := errors.Join(
		keyBelow(t, setupKey, "origins").SetStringValue("allow", "https://a.example.fr;https://b.example.fr"),
		keyBelow(t, setupKey, "origins").SetStringValue("mode", "listed"),
		keyBelow(t, setupKey, "wss").SetDWordValue("enabled", 1),
	); err != nil {
		t.Fatal(err)
	}
	e, err := Load(machinesOwn())
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"https://a.example.fr", "https://b.example.fr"}; !e.Managed() || !slices.Equal(e.Origins.Allow, want) || !e.WSS.Enabled {
		t.Fatalf("managed: %v, %+v", e.Managed(), e.Settings)
	}
	changed := make(chan *Effective, 1)
	go Watch{Paths: machinesOwn(), Now: e, Logger: slog.New(slog.DiscardHandler), Changed: func(now *Effective) { changed <- now }, Doubt: time.Millisecond}.Run(t.Context())
	if err := realKey(t, "").SetStringValue("lang", "en"); err != nil {
		t.Fatal(err)
	}
	if now := <-changed; now.Lang != "en" || now.WSS.Enabled || len(now.Origins.Allow) != 0 {
		t.Fatalf("beside group policy: %+v", now.Settings)
	}
	if err := registry.DeleteKey(registry.LOCAL_MACHINE, PolicyKey); err != nil {
		t.Fatal(err)
	}
	if now := <-changed; now.Lang != "" || !now.WSS.Enabled || len(now.Origins.Allow) != 2 {
		t.Fatalf("after group policy: %+v", now.Settings)
	}
}

// TestRealRegistryOfOthers: a policy that others than administrators may change is none.
func TestRealRegistryOfOthers(t *testing.T) {
	remove(t)
	t.Cleanup(func() { remove(t) })
	if err := realKey(t, "origins").SetStringValue("mode", "listed"); err != nil {
		t.Fatal(err)
	}
	for list, good := range map[string]bool{"O:BAD:P(A;CI;KA;;;BA)(A;CI;KR;;;BU)": true, "O:BAD:P(A;CI;KA;;;BA)(A;CI;KW;;;BU)": false} {
		descriptor, err := windows.SecurityDescriptorFromString(list)
		if err != nil {
			t.Fatal(err)
		}
		access, _, err := descriptor.DACL()
		if err != nil {
			t.Fatal(err)
		}
		owner, _, err := descriptor.Owner()
		if err != nil {
			t.Fatal(err)
		}
		if err := windows.SetNamedSecurityInfo(`MACHINE\`+PolicyKey, windows.SE_REGISTRY_KEY, windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, owner, nil, access, nil); err != nil {
			t.Fatal(err)
		}
		_, err = Load(machinesOwn())
		var bad *SettingsError
		if good && err != nil || !good && (!errors.As(err, &bad) || bad.File != `HKLM\`+PolicyKey || bad.In("fr") == bad.In("en")) {
			t.Errorf("%s: %v", list, err)
		}
	}
}

// TestRefusesNetwork: what the machine's policy names is not loaded from another computer,
// also where only Windows knows that it leads there, unless the policy says so; what a
// person names is theirs.
func TestRefusesNetwork(t *testing.T) {
	const path = `\\server\share\a.dll`
	machine := func(more map[string]any) *source {
		s := &source{path: testKey, values: map[string]any{"modules": []string{path}}, valueNames: map[string][]string{}}
		for key, value := range more {
			s.values[key] = value
		}
		return s
	}
	log := slog.New(slog.DiscardHandler)
	leads := func(err error) bool { return err != nil && strings.Contains(err.Error(), "another computer") }
	if err := merged(machine(nil), nil).Refuse("modules", log)(path); !leads(err) {
		t.Errorf("the policy's: %v", err)
	}
	if err := merged(machine(map[string]any{"modules_from_network": true}), nil).Refuse("modules", log)(path); leads(err) {
		t.Errorf("where the policy lets it be: %v", err)
	}
	if err := merged(nil, machine(nil)).Refuse("modules", log)(path); leads(err) {
		t.Errorf("a person's: %v", err)
	}
}

// TestRealRegistryRefused: what Windows stores as it is told to, and no setting is.
func TestRealRegistryRefused(t *testing.T) {
	for name, c := range map[string]struct {
		path, value string
		stored      Value
	}{
		"number as text":     {"ports", "first", sz("30000")},
		"quad word":          {"ports", "first", raw(11, 0x30, 0x75, 0, 0, 0, 0, 0, 0)},
		"short double word":  {"ports", "first", raw(regDWORD, 1)},
		"zero in a text":     {"", "lang", sz("fr\x00en")},
		"half a character":   {"", "lang", raw(regSZ, 'f', 0, 'r')},
		"default value":      {"origins", "", sz("")},
		"unknown value":      {"origins", "colour", sz("red")},
		"huge":               {"", "lang", sz(strings.Repeat("a", 1<<20))},
		"entry without name": {`origins\allow`, "a", sz("https://a.fr")},
		"bad entry":          {`origins\allow`, "3", sz("https://a.fr/x")},
		"network":            {"modules", "1", sz(`\\server\share\a.dll`)},
	} {
		t.Run(name, func(t *testing.T) {
			remove(t)
			t.Cleanup(func() { remove(t) })
			setRaw(t, c.path, c.value, c.stored)
			_, err := Load(machinesOwn())
			var bad *SettingsError
			full := below(strings.TrimSuffix(`HKLM\`+PolicyKey+`\`+c.path, `\`), c.value)
			if !errors.As(err, &bad) || bad.File != full {
				t.Errorf("%v, want %s", err, full)
			}
		})
	}
}
