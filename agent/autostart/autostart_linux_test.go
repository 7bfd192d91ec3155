package autostart

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// home gives the test autostart folders of its own, a person's and a machine's.
func home(t *testing.T) (personal, machine string) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(dir, "config"))
	t.Setenv("XDG_CONFIG_DIRS", filepath.Join(dir, "first")+":relative:"+filepath.Join(dir, "xdg"))
	machine = filepath.Join(dir, "xdg", "autostart", file)
	if err := os.MkdirAll(filepath.Dir(machine), 0o700); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "config", "autostart", file), machine
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func is(t *testing.T, what string, want State) {
	t.Helper()
	got, err := Get()
	got.Program, got.Supervised = "", false
	if err != nil || got != want {
		t.Errorf("%s: %+v %v, want %+v", what, got, err, want)
	}
}

func do(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestPersonsOwn(t *testing.T) {
	personal, _ := home(t)
	is(t, "nothing", State{})
	do(t, Enable("/bin/true"))
	is(t, "enabled", State{Enabled: true, Where: personal})
	do(t, Disable())
	is(t, "disabled", State{Where: personal})
	do(t, Enable("/nonexistent/cpx-agent"))
	is(t, "moved away", State{Where: personal, Missing: "/nonexistent/cpx-agent"})
	do(t, Enable("/bin/true"))
	is(t, "enabled again", State{Enabled: true, Where: personal})
	if files, _ := os.ReadDir(filepath.Dir(personal)); len(files) != 1 {
		t.Errorf("left behind: %v", files)
	}
}

// TestMachineEntry: the machine's entry is respected, disabled for this person,
// and used again.
func TestMachineEntry(t *testing.T) {
	personal, machine := home(t)
	entry, err := DesktopEntry("/bin/true")
	do(t, err)
	write(t, machine, entry)
	is(t, "the machine's", State{Enabled: true, Where: machine})
	do(t, Disable())
	is(t, "disabled for this person", State{Where: personal})
	do(t, Enable("/bin/false"))
	is(t, "the machine's again", State{Enabled: true, Where: machine})
	if _, err := os.Stat(personal); !os.IsNotExist(err) {
		t.Errorf("the person's own hides the machine's: %v", err)
	}
	write(t, machine, hidden) // the administrator switches it off
	is(t, "off for everyone", State{Where: machine})
	do(t, Enable("/bin/true"))
	is(t, "on for this person", State{Enabled: true, Where: personal})
	missing, err := DesktopEntry("/nonexistent/cpx-agent")
	do(t, err)
	write(t, machine, missing)
	do(t, Disable())
	do(t, Enable("/bin/true"))
	is(t, "the machine's starts nothing", State{Enabled: true, Where: personal})
}

// TestDisabledBeforeInstalled: a package installed later does not start the
// agent of a person who disabled it before.
func TestDisabledBeforeInstalled(t *testing.T) {
	personal, machine := home(t)
	do(t, Disable())
	entry, err := DesktopEntry("/bin/true")
	do(t, err)
	write(t, machine, entry)
	is(t, "installed later", State{Where: personal})
}

// TestEntryOnTheDesktop starts programs with GLib, as GNOME and others start
// entries; their paths hold every character that needs quoting.
func TestEntryOnTheDesktop(t *testing.T) {
	gio, validate := need.Program(t, "gio"), need.Program(t, "desktop-file-validate")
	for _, odd := range []string{"plain", "a b", `q"q`, "d$HOME", "b`id`b", `s\s\\s`, "é’", `all "of" $HOME \"u\` + "`", "a;b&c|d>e~f#g(h)*?'i"} {
		dir := filepath.Join(t.TempDir(), odd)
		do(t, os.Mkdir(dir, 0o700))
		program, out := filepath.Join(dir, "cpx-agent"), filepath.Join(dir, "out")
		do(t, os.WriteFile(program, []byte("#!/bin/sh\nd=$(dirname \"$0\")\nprintf '%s\\n' \"$0\" \"$@\" >\"$d/unfinished\"\nmv \"$d/unfinished\" \"$d/out\"\n"), 0o700))
		entry, err := DesktopEntry(program)
		do(t, err)
		desktop := filepath.Join(t.TempDir(), file)
		write(t, desktop, entry)
		if text, err := exec.Command(validate, desktop).CombinedOutput(); err != nil || len(text) > 0 {
			t.Errorf("%s: %v\n%s\n%s", odd, err, text, entry)
		}
		if text, err := exec.Command(gio, "launch", desktop).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s\n%s", odd, err, text, entry)
			continue
		}
		if got := await(t, out); got != program+"\nrun\n--supervise\n--quiet\n" {
			t.Errorf("started %q, want %q", got, program)
		}
	}
}

// await reads a file that another process renames into place.
func await(t *testing.T, path string) string {
	t.Helper()
	for end := time.Now().Add(testdesktop.Patience); ; time.Sleep(5 * time.Millisecond) {
		text, err := os.ReadFile(path)
		if err == nil {
			return string(text)
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}
