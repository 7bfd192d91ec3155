package autostart

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/windows/registry"
)

// TestRunKey changes the registry of the person who runs it, and puts it back;
// the machine's part needs an administrator.
func TestRunKey(t *testing.T) {
	before, err := Get()
	if err != nil || before != (State{}) {
		t.Fatalf("not on a machine that starts it: %+v %v", before, err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	is := func(what string, want State) {
		t.Helper()
		if got, err := Get(); err != nil || got != want {
			t.Errorf("%s: %+v %v, want %+v", what, got, err, want)
		}
	}
	personal := `HKCU\` + runKey
	if err := Enable(self); err != nil {
		t.Fatal(err)
	}
	is("enabled", State{Enabled: true, Where: personal})
	if command, err := read(registry.CURRENT_USER); err != nil || command != `"`+self+`" run` {
		t.Errorf("%q %v", command, err)
	}

	set(t, registry.CURRENT_USER, approvedKey, func(k registry.Key) error { return k.SetBinaryValue(value, []byte{3, 0, 0, 0}) })
	is("switched off in Settings", State{Where: personal})
	if err := Enable(self); err != nil {
		t.Fatal(err)
	}
	is("enabled again", State{Enabled: true, Where: personal})
	if err := Enable(`C:\missing\cpx-agent.exe`); err != nil {
		t.Fatal(err)
	}
	is("moved away", State{Where: personal, Missing: `C:\missing\cpx-agent.exe`})
	for range 2 {
		if err := Disable(); err != nil {
			t.Fatal(err)
		}
		is("disabled", State{})
	}
	if err := Enable(`C:\a" & calc`); err == nil {
		t.Error("a quote in a path was taken")
	}

	set(t, registry.LOCAL_MACHINE, runKey, func(k registry.Key) error { return k.SetStringValue(value, self+" run") })
	is("the machine's", State{Enabled: true, Where: `HKLM\` + runKey})
	if err := Disable(); !errors.Is(err, ErrMachine) {
		t.Errorf("%v, want %v", err, ErrMachine)
	}
	if err := Enable(self); err != nil {
		t.Error(err)
	}
	if command, err := read(registry.CURRENT_USER); err != nil || command != "" {
		t.Errorf("started twice: %q %v", command, err)
	}
}

func set(t *testing.T, root registry.Key, path string, do func(registry.Key) error) {
	t.Helper()
	key, _, err := registry.CreateKey(root, path, registry.SET_VALUE)
	if err != nil {
		t.Fatal(err)
	}
	defer key.Close()
	if err := do(key); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		key, err := registry.OpenKey(root, path, registry.SET_VALUE)
		if err != nil {
			t.Fatal(err)
		}
		defer key.Close()
		if err := key.DeleteValue(value); err != nil && !errors.Is(err, registry.ErrNotExist) {
			t.Error(err)
		}
	})
}
