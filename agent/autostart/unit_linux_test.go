package autostart

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
)

// unitHome gives the test folders of units of its own, and systemctl and systemd-analyze those
// of the same person.
func unitHome(t *testing.T) (person, everyone string, systemd func(program string, args ...string) string) {
	t.Helper()
	personal, _ := home(t)
	dir := filepath.Dir(filepath.Dir(filepath.Dir(personal)))
	runtime := t.TempDir()
	for name, value := range map[string]string{
		"HOME": dir, "XDG_CONFIG_DIRS": filepath.Join(dir, "xdg"), "XDG_RUNTIME_DIR": runtime, "XDG_DATA_HOME": filepath.Join(dir, "data"),
		"XDG_DATA_DIRS": filepath.Join(dir, "share"), "DBUS_SESSION_BUS_ADDRESS": "disabled:",
	} {
		t.Setenv(name, value)
	}
	return filepath.Join(dir, "config", "systemd", "user"), filepath.Join(dir, "xdg", "systemd", "user"), func(program string, args ...string) string {
		t.Helper()
		out, _ := exec.Command(need.Program(t, program), append([]string{"--user"}, args...)...).Output()
		return strings.TrimSpace(string(out))
	}
}

// TestUnitDirs: units are looked for where systemd looks, in its order.
func TestUnitDirs(t *testing.T) {
	_, _, systemd := unitHome(t)
	ours, err := unitDirs()
	do(t, err)
	var theirs []string
	for path := range strings.Lines(systemd("systemd-analyze", "unit-paths")) {
		path = strings.TrimSpace(path)
		switch base := filepath.Base(path); {
		case base == "transient", strings.HasPrefix(base, "generator"): // only a running manager writes there
		default:
			theirs = append(theirs, path)
		}
	}
	if len(theirs) == 0 || !slices.Equal(ours, theirs) {
		t.Errorf("%q\nsystemd: %q", ours, theirs)
	}
}

const runs = "[Unit]\nDescription=TEST\n[Service]\nExecStart=/bin/true run --supervise --quiet\n[Install]\nWantedBy=graphical-session.target\n"

// TestEnabledUnit: whether a unit starts the agent is what systemctl says, which also enables,
// disables and masks it.
func TestEnabledUnit(t *testing.T) {
	for _, folder := range []string{"person's", "everyone's"} {
		person, dir, systemd := unitHome(t)
		if folder == "person's" {
			dir = person
		}
		path := filepath.Join(dir, unit)
		write(t, path, runs)
		enabled := func(what, says string, want State) {
			t.Helper()
			if got := systemd("systemctl", "is-enabled", unit); got != says {
				t.Fatalf("%s: systemctl says %q, want %q", what, got, says)
			}
			if got, err := Get(); err != nil || got != want {
				t.Errorf("%s %s: %+v %v, want %+v", folder, what, got, err, want)
			}
		}
		off := "systemctl --user disable " + unit
		started := State{Enabled: true, Where: path, Unit: path, UnitOff: off, Program: "/bin/true", Supervised: true}
		enabled("not enabled", "disabled", State{})
		systemd("systemctl", "enable", unit)
		enabled("enabled", "enabled", started)

		write(t, filepath.Join(person, unit+".d", "override.conf"), "[Service]\nExecStart=\nExecStart=-/nonexistent/x run\n")
		enabled("a program that is missing", "enabled", State{Where: path, Unit: path, UnitOff: off, Program: "/nonexistent/x", Missing: "/nonexistent/x"})
		do(t, os.RemoveAll(filepath.Join(person, unit+".d")))

		if err := Disable(); err != ErrUnit {
			t.Errorf("disabled: %v", err)
		}
		enabled("only the entry disabled", "enabled", started)
		systemctl := func(line string) {
			t.Helper()
			args := strings.Fields(line)
			systemd(args[0], args[2:]...) // without --user, which it has
		}
		systemctl(off)
		got, err := Get()
		if err != nil || got.Enabled || got.Unit != "" {
			t.Errorf("disabled: %+v %v", got, err)
		}
		do(t, os.Remove(got.Where))
		enabled("disabled", "disabled", State{})
		if folder == "everyone's" {
			// As a package has it, which the manager follows and is-enabled does not count.
			wants := filepath.Join(dir, "graphical-session.target.wants", unit)
			do(t, os.MkdirAll(filepath.Dir(wants), 0o700))
			do(t, os.Symlink(path, wants))
			started.UnitOff = "systemctl --user mask " + unit
			enabled("enabled for everyone", "disabled", started)
			systemctl(started.UnitOff)
			enabled("masked", "masked", State{})
		}
	}
}

// TestEntryBesideUnit: who enables the start gets the entry also where a unit is enabled, which
// some desktops never start.
func TestEntryBesideUnit(t *testing.T) {
	person, _, systemd := unitHome(t)
	path := filepath.Join(person, unit)
	write(t, path, runs)
	systemd("systemctl", "enable", unit)
	do(t, Enable("/bin/true"))
	personal := filepath.Join(filepath.Dir(filepath.Dir(person)), "autostart", file)
	is(t, "both", State{Enabled: true, Where: personal, Unit: path, UnitOff: "systemctl --user disable " + unit})
}

// TestUnitBesideEntry: where both start the agent both are named, and the unit counts where the
// entry starts nothing.
func TestUnitBesideEntry(t *testing.T) {
	person, _, systemd := unitHome(t)
	path := filepath.Join(person, unit)
	personal := filepath.Join(filepath.Dir(filepath.Dir(person)), "autostart", file)
	off := "systemctl --user disable " + unit
	do(t, Enable("/bin/true"))
	write(t, path, runs)
	systemd("systemctl", "enable", unit)
	is(t, "both", State{Enabled: true, Where: personal, Unit: path, UnitOff: off})
	missing, err := DesktopEntry("/nonexistent/cpx-agent")
	do(t, err)
	write(t, personal, missing)
	is(t, "the unit alone", State{Enabled: true, Where: path, Unit: path, UnitOff: off})
	if text := HowToStart("en", "/bin/true"); !strings.HasSuffix(text, "It also starts when you next log in to this desktop.") {
		t.Error(text)
	}
}

// TestEveryone: what starts the agent for everybody is told whatever the person who asks has,
// also without a home.
func TestEveryone(t *testing.T) {
	person, everyone, _ := unitHome(t)
	own, err := personal()
	do(t, err)
	write(t, own, "[Desktop Entry]\nType=Application\nName=TEST\nExec=/bin/true run --supervise --quiet\n")
	write(t, filepath.Join(person, unit), runs)
	do(t, os.MkdirAll(filepath.Join(person, wanting[0]), 0o700))
	do(t, os.Symlink(filepath.Join(person, unit), filepath.Join(person, wanting[0], unit)))
	if s, err := Get(); err != nil || !s.Enabled || s.Unit == "" {
		t.Fatalf("%+v %v", s, err)
	}
	if s, err := Everyone(); err != nil || s != (State{}) {
		t.Errorf("the person's own: %+v %v", s, err)
	}
	write(t, filepath.Join(everyone, unit), runs)
	do(t, os.MkdirAll(filepath.Join(everyone, wanting[0]), 0o700))
	do(t, os.Symlink(filepath.Join(everyone, unit), filepath.Join(everyone, wanting[0], unit)))
	for _, name := range []string{"HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"} {
		do(t, os.Unsetenv(name)) // which t.Setenv puts back
	}
	if s, err := Everyone(); err != nil || !s.Enabled || s.Unit != filepath.Join(everyone, unit) {
		t.Errorf("a unit for everybody: %+v %v", s, err)
	}
	entry := filepath.Join(filepath.Dir(filepath.Dir(everyone)), "autostart", file)
	write(t, entry, "[Desktop Entry]\nType=Application\nName=TEST\nExec=/bin/true run --supervise --quiet\n")
	if s, err := Everyone(); err != nil || !s.Enabled || s.Where != entry {
		t.Errorf("an entry for everybody: %+v %v", s, err)
	}
}
