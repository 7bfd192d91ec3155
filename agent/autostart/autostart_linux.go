package autostart

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/cpx-bridge/cpx-bridge/internal/atomicfile"
	"github.com/cpx-bridge/cpx-bridge/internal/dirs"
)

const file = name + ".desktop"

// personal is the person's own entry, which wins over the machine's of the same
// name (XDG Base Directory Specification).
func personal() (string, error) {
	dir, err := dirs.ConfigHome()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "autostart", file), nil
}

// machine is the entry that is there for everyone, the most important first.
func machine() (path string, text []byte, err error) {
	for _, dir := range dirs.ConfigDirs() {
		path := filepath.Join(dir, "autostart", file)
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		return path, text, err
	}
	return "", nil, nil
}

// Get tells how it is.
func Get() (State, error) {
	path, err := personal()
	if err != nil {
		return State{}, err
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		path, text, err = machine()
	}
	if err != nil || path == "" {
		return State{}, err
	}
	e := parseEntry(text)
	s := State{Enabled: e.enabled, Where: path}
	if e.tryExec != "" {
		if _, err := exec.LookPath(e.tryExec); err != nil {
			s.Missing, s.Enabled = e.tryExec, false // the desktop passes such an entry over
		}
	}
	return s, nil
}

// Enable starts the program at each login. Where the machine's own entry does
// that, the person's is taken away; a desktop reads only one of them.
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
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if s, err := Get(); err != nil || s.Enabled {
			return err
		}
		// It names a program that is not there: the person's own helps.
	}
	entry, err := DesktopEntry(program)
	if err != nil {
		return err
	}
	return replace(path, entry)
}

// Disable keeps an entry that hides the machine's, also one that is installed
// later.
func Disable() error {
	path, err := personal()
	if err != nil {
		return err
	}
	return replace(path, hidden)
}

// replace writes a file in one step: a desktop may be reading it.
func replace(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return atomicfile.Write(path, []byte(text), atomicfile.Options{Mode: 0o644})
}
