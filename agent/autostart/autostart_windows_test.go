package autostart

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/windows/registry"
)

// newRoots are a machine's and a person's part of the registry below a key of the
// test's own, so that no administrator is needed and the real keys are not
// touched.
func newRoots(t *testing.T) roots {
	t.Helper()
	const top = `Software\CPxBridgeTest`
	remove := func() {
		for _, name := range []string{"machine", "person"} {
			for _, path := range []string{runKey, approvedKey} {
				for at := `\` + name + `\` + path; at != ""; at = at[:strings.LastIndex(at, `\`)] {
					_ = registry.DeleteKey(registry.CURRENT_USER, top+at)
				}
			}
		}
		_ = registry.DeleteKey(registry.CURRENT_USER, top)
	}
	remove()
	t.Cleanup(remove)
	return roots{root{registry.CURRENT_USER, top + `\machine\`, "HKLM"}, root{registry.CURRENT_USER, top + `\person\`, "HKCU"}}
}

func (r root) set(t *testing.T, path string, do func(registry.Key) error) {
	t.Helper()
	key, _, err := registry.CreateKey(r.key, r.path+path, registry.SET_VALUE)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(do(key), key.Close()); err != nil {
		t.Fatal(err)
	}
}

func (r root) run(t *testing.T, command string) {
	t.Helper()
	r.set(t, runKey, func(k registry.Key) error { return k.SetStringValue(value, command) })
}

// switchOff is what Settings does.
func (r root) switchOff(t *testing.T) {
	t.Helper()
	r.set(t, approvedKey, func(k registry.Key) error { return k.SetBinaryValue(value, []byte{3, 0, 0, 0}) })
}

func self(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return self
}

func (r roots) is(t *testing.T, what string, want State) {
	t.Helper()
	got, err := r.get()
	got.Program, got.Supervised = "", false
	if err != nil || got != want {
		t.Errorf("%s: %+v %v, want %+v", what, got, err, want)
	}
}

const personal, machines, gone = `HKCU\` + runKey, `HKLM\` + runKey, `C:\missing\cpx-agent.exe`

func TestRunKey(t *testing.T) {
	r, self := newRoots(t), self(t)
	r.is(t, "nothing", State{})
	if err := r.enable(self); err != nil {
		t.Fatal(err)
	}
	r.is(t, "enabled", State{Enabled: true, Where: personal})
	if command, err := r.person.read(); err != nil || command != `"`+self+`" run --supervise --quiet` {
		t.Errorf("%q %v", command, err)
	}
	r.person.switchOff(t)
	r.is(t, "switched off in Settings", State{Where: personal})
	if err := r.enable(self); err != nil {
		t.Fatal(err)
	}
	r.is(t, "enabled again", State{Enabled: true, Where: personal})
	if err := r.enable(gone); err != nil {
		t.Fatal(err)
	}
	r.is(t, "moved away", State{Where: personal, Missing: gone})
	for range 2 {
		if err := r.disable(); err != nil {
			t.Fatal(err)
		}
		r.is(t, "disabled", State{})
	}
	if err := r.enable(`C:\a" & calc`); err == nil {
		t.Error("a quote in a path was accepted")
	}
}

// TestWithoutConsole: what starts at a login is the program without a console, where it
// stands beside the one that a person called.
func TestWithoutConsole(t *testing.T) {
	dir, err := os.MkdirTemp("", "autostart") // not the test's own, which wine 8 cannot remove
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	console, other, without := filepath.Join(dir, "CPX-Agent.exe"), filepath.Join(dir, "other.exe"), filepath.Join(dir, "cpx-agentw.exe")
	for _, program := range []string{console, other, without} {
		if got := withoutConsole(program); got != program {
			t.Errorf("alone: %s for %s", got, program)
		}
	}
	if err := os.WriteFile(without, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for program, want := range map[string]string{console: without, other: other, without: without} {
		if got := withoutConsole(program); got != want {
			t.Errorf("beside it: %s for %s, want %s", got, program, want)
		}
	}
}

// TestMachine: what the machine starts is neither started twice nor disabled.
func TestMachine(t *testing.T) {
	r, self := newRoots(t), self(t)
	r.machine.run(t, self+" run")
	r.is(t, "the machine's", State{Enabled: true, Where: machines, Machine: true})
	if err := r.disable(); !errors.Is(err, ErrMachine) {
		t.Errorf("%v, want %v", err, ErrMachine)
	}
	if err := r.enable(self); err != nil {
		t.Error(err)
	}
	if command, err := r.person.read(); err != nil || command != "" {
		t.Errorf("started twice: %q %v", command, err)
	}
}

// TestMachineDoesNotStart: where the machine's value starts nothing, the person's
// counts.
func TestMachineDoesNotStart(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(r roots)
		alone   State
	}{
		"switched off": {func(r roots) { r.machine.run(t, self(t)+" run"); r.machine.switchOff(t) }, State{Where: machines}},
		"missing":      {func(r roots) { r.machine.run(t, `"`+gone+`" run`) }, State{Where: machines, Missing: gone}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRoots(t)
			c.prepare(r)
			r.is(t, "alone", c.alone)
			if err := r.enable(self(t)); err != nil {
				t.Fatal(err)
			}
			r.is(t, "enabled", State{Enabled: true, Where: personal})
			if err := r.disable(); err != nil {
				t.Errorf("what the person enabled cannot be disabled: %v", err)
			}
			r.is(t, "disabled", c.alone)
			if err := r.enable(gone); err != nil {
				t.Fatal(err)
			}
			r.is(t, "neither starts", c.alone)
		})
	}
}

// TestSystem reads the real keys and changes nothing.
func TestSystem(t *testing.T) {
	got, err := Get()
	if err != nil {
		t.Fatal(err)
	}
	want, err := system.get()
	if err != nil || got != want || system.machine != (root{registry.LOCAL_MACHINE, "", "HKLM"}) || system.person != (root{registry.CURRENT_USER, "", "HKCU"}) {
		t.Errorf("%+v %v, want %+v", got, err, want)
	}
}
