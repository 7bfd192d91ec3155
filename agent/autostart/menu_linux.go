package autostart

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/atomicfile"
	"github.com/cpx-bridge/cpx-bridge/internal/dirs"
	"github.com/cpx-bridge/cpx-bridge/internal/plainfile"
)

// Where entries of the menu and icons stand in a folder of data (Desktop Menu
// Specification, Icon Theme Specification).
const applications = "applications"

var hicolor = filepath.Join("icons", "hicolor")

// Menu says whether the agent has an entry in the applications' menu. The person's own
// comes before the machine's.
func Menu() (State, error) {
	home, err := dirs.DataHome()
	if err != nil {
		return State{}, err
	}
	path, text, err := first(append([]string{home}, dirs.DataDirs()...), applications)
	if err != nil || path == "" {
		return State{}, err
	}
	return menuState(path, text), nil
}

func menuState(path string, text []byte) State {
	e := parseEntry(text)
	e.enabled = e.enabled && !e.noMenu
	return e.state(path)
}

// AddToMenu gives the person an entry for the program, with its icons by their paths in the
// theme hicolor. Where the machine's own starts the agent, the person's is removed: a
// desktop reads only one of them.
func AddToMenu(program string, icons map[string][]byte) error {
	home, err := dirs.DataHome()
	if err != nil {
		return err
	}
	everyone, text, err := first(dirs.DataDirs(), applications)
	if err != nil {
		return err
	}
	if everyone != "" && menuState(everyone, text).Enabled {
		return removeFrom(home)
	}
	entry, err := MenuEntry(program)
	if err != nil {
		return err
	}
	path := filepath.Join(home, applications, file)
	before, _ := plainfile.Read(path)
	w := writer{home: home, made: parseEntry(before).made}
	for name, icon := range icons {
		if err := w.write(filepath.Join(hicolor, filepath.FromSlash(name)), string(icon)); err != nil {
			return err
		}
	}
	if err := w.folder(applications); err != nil {
		return err
	}
	if len(w.made) > 0 {
		slices.Sort(w.made)
		entry += madeKey + "=" + escape(strings.Join(w.made, ";")) + ";\n"
	}
	if err := w.write(filepath.Join(applications, file), entry); err != nil {
		return err
	}
	// Desktops that keep a cache of the theme look at this folder's time alone.
	now := time.Now()
	_ = os.Chtimes(filepath.Join(home, hicolor), now, now)
	return nil
}

// writer writes files below the person's folder of data, and notes the folders it makes.
type writer struct {
	home string
	made []string
}

func (w *writer) write(name, text string) error {
	if err := w.folder(filepath.Dir(name)); err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(w.home, name), []byte(text), atomicfile.Options{Mode: 0o644})
}

func (w *writer) folder(name string) error {
	if name != "." {
		if err := w.folder(filepath.Dir(name)); err != nil {
			return err
		}
	} else if err := os.MkdirAll(filepath.Dir(w.home), 0o700); err != nil {
		return err
	}
	err := os.Mkdir(filepath.Join(w.home, name), 0o700)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err == nil && !slices.Contains(w.made, name) {
		w.made = append(w.made, name)
	}
	return err
}

// RemoveFromMenu removes the person's own entry, its icons and the folders that were made for
// them. The error is ErrMachine where the machine's entry stays.
func RemoveFromMenu() error {
	home, err := dirs.DataHome()
	if err != nil {
		return err
	}
	if err := removeFrom(home); err != nil {
		return err
	}
	if s, err := Menu(); err != nil || s.Where == "" {
		return err
	}
	return ErrMachine
}

func removeFrom(home string) error {
	path := filepath.Join(home, applications, file)
	text, err := plainfile.Read(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	icons, err := filepath.Glob(filepath.Join(globSafe(filepath.Join(home, hicolor)), "*", "apps", name+".*"))
	if err != nil {
		return err
	}
	for _, path := range append(icons, path) {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	made := parseEntry(text).made
	slices.Sort(made)
	for _, folder := range slices.Backward(made) { // the inner ones first
		if filepath.IsLocal(folder) {
			_ = os.Remove(filepath.Join(home, folder)) // which keeps one that others use
		}
	}
	return nil
}

// globSafe is a path that Glob takes as it is.
func globSafe(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}
