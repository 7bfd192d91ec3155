package autostart

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/cpx-bridge/cpx-bridge/internal/atomicfile"
	"github.com/cpx-bridge/cpx-bridge/internal/dirs"
	"github.com/cpx-bridge/cpx-bridge/internal/plainfile"
)

const file = name + ".desktop"

// personal is the path of the person's own entry, which overrides the machine's
// entry of the same name (XDG Base Directory Specification).
func personal() (string, error) {
	dir, err := dirs.ConfigHome()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "autostart", file), nil
}

// machine is the entry installed for everyone that has the highest precedence.
func machine() (path string, text []byte, err error) { return first(dirs.ConfigDirs(), "autostart") }

// first is the entry that counts of those in a folder of several.
func first(all []string, folder string) (path string, text []byte, err error) {
	for _, dir := range all {
		path := filepath.Join(dir, folder, file)
		text, err := plainfile.Read(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		return path, text, err
	}
	return "", nil, nil
}

// Get reads the present state. A unit of the person's systemd starts the agent whatever the
// entry says.
func Get() (State, error) {
	s, err := getEntry()
	if err != nil {
		return State{}, err
	}
	folders, err := unitDirs()
	if err != nil {
		return State{}, err
	}
	return s.withUnit(folders)
}

// Everyone reads what the administrator has set for each person, and nothing of whoever asks.
func Everyone() (State, error) {
	path, text, err := machine()
	if err != nil {
		return State{}, err
	}
	var s State
	if path != "" {
		s = parseEntry(text).state(path)
	}
	return s.withUnit(everyonesUnitDirs())
}

// withUnit is an entry's state together with that of a unit in these folders.
func (s State) withUnit(folders []string) (State, error) {
	unit, err := unitIn(folders)
	switch {
	case err != nil:
		return State{}, err
	case s.Enabled:
		s.Unit, s.UnitOff = unit.Unit, unit.UnitOff
	case unit.Enabled, s.Where == "":
		return unit, nil
	}
	return s, nil
}

// getEntry is the state without systemd's units.
func getEntry() (State, error) {
	path, err := personal()
	if err != nil {
		return State{}, err
	}
	text, err := plainfile.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		path, text, err = machine()
	}
	if err != nil || path == "" {
		return State{}, err
	}
	return parseEntry(text).state(path), nil
}

// state is what the desktop makes of an entry: it skips one whose program is missing.
func (e entry) state(path string) State {
	s := State{Enabled: e.enabled, Where: path}
	if !e.enabled {
		return s
	}
	s.Program, s.Supervised = e.started()
	for _, program := range []string{e.tryExec, s.Program} {
		if _, err := exec.LookPath(program); program != "" && err != nil {
			s.Missing, s.Enabled = program, false
			break
		}
	}
	return s
}

// Enable starts the program at each login. Where the machine's own entry does
// that, the person's is removed: a desktop reads only one of them. An enabled unit of systemd
// changes nothing: not every desktop reaches the target that starts it, and with both there is
// one agent all the same. A *ForeignError says that nothing was changed, because others' work
// stands in the place.
func Enable(program string) error {
	path, err := personal()
	if err != nil {
		return err
	}
	everyone, text, err := machine()
	if err != nil {
		return err
	}
	if everyone != "" && parseEntry(text).enabled {
		if _, err := standing(path, startIsOurs); err != nil {
			return err
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if s, err := getEntry(); err != nil || s.Enabled {
			return err
		}
		// It names a program that does not exist: the person's own entry is needed.
	}
	entry, err := DesktopEntry(program)
	if err != nil {
		return err
	}
	return replace(path, entry+mark)
}

// Disable writes an entry that hides the machine's, even one installed later. Others' work in
// its place stays: a *ForeignError, where that starts something. It fails
// with ErrUnit where a unit of systemd starts the agent even so.
func Disable() error {
	path, err := personal()
	if err != nil {
		return err
	}
	text, err := plainfile.Read(path)
	if err != nil || startIsOurs(text) || parseEntry(text).enabled {
		if err := replace(path, hidden); err != nil {
			return err
		}
	}
	unit, err := enabledUnit()
	if err == nil && unit.Enabled {
		return ErrUnit
	}
	return err
}

// replace writes the autostart entry in one step: a desktop may be reading it.
func replace(path, text string) error {
	if _, err := standing(path, startIsOurs); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return atomicfile.Write(path, []byte(text), atomicfile.Options{Mode: 0o644})
}
