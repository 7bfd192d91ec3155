package autostart

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"maps"
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
	s := menuState(path, text)
	s.Machine = s.Enabled && path != filepath.Join(home, applications, file)
	return s, nil
}

func menuState(path string, text []byte) State {
	e := parseEntry(text)
	e.enabled = e.enabled && !e.noMenu
	return e.state(path)
}

// AddToMenu gives the person an entry for the program, with its icons by their paths in the
// theme hicolor. Where the machine's own starts the agent, the person's is removed: a
// desktop reads only one of them. A *ForeignError says that nothing was changed, because
// others' work stands where the entry or an icon has its place.
func AddToMenu(program string, icons map[string][]byte) error {
	home, err := dirs.DataHome()
	if err != nil {
		return err
	}
	everyone, text, err := first(dirs.DataDirs(), applications)
	if err != nil {
		return err
	}
	if err := free(home, icons); err != nil {
		return err
	}
	if everyone != "" && menuState(everyone, text).Enabled {
		var inNobodysWay foreign
		return inNobodysWay.add(removeFrom(home, icons))
	}
	entry, err := MenuEntry(program)
	if err != nil {
		return err
	}
	path := filepath.Join(home, applications, file)
	before, _ := plainfile.Read(path)
	w := writer{home: home, made: parseEntry(before).made}
	drawn := drawnBefore(path) // also those that are drawn no more
	for _, name := range slices.Sorted(maps.Keys(icons)) {
		icon := icons[name]
		drawn = append(drawn, sum(icon))
		if err := w.write(filepath.Join(hicolor, filepath.FromSlash(name)), string(icon)); err != nil {
			return err
		}
	}
	if err := w.folder(applications); err != nil {
		return err
	}
	entry += mark
	if len(w.made) > 0 {
		slices.Sort(w.made)
		entry += madeKey + "=" + escape(strings.Join(w.made, ";")) + ";\n"
	}
	slices.Sort(drawn)
	entry += iconsKey + "=" + strings.Join(slices.Compact(drawn), ";") + ";\n"
	if err := w.write(filepath.Join(applications, file), entry); err != nil {
		return err
	}
	// Desktops that keep a cache of the theme look at this folder's time alone.
	now := time.Now()
	_ = os.Chtimes(filepath.Join(home, hicolor), now, now)
	return nil
}

// free reports what of others stands where the entry and the icons have their places.
func free(home string, icons map[string][]byte) error {
	path := filepath.Join(home, applications, file)
	var others foreign
	_, err := standing(path, menuIsOurs)
	if err := others.add(err); err != nil {
		return err
	}
	drawn := drawnBefore(path)
	for _, name := range slices.Sorted(maps.Keys(icons)) {
		_, err := standing(filepath.Join(home, hicolor, filepath.FromSlash(name)), isIcon(icons, name, drawn))
		if err := others.add(err); err != nil {
			return err
		}
	}
	return others.err()
}

// isIcon recognises an icon as this program draws it, or as an earlier one did whose entry
// names its sum.
func isIcon(icons map[string][]byte, name string, drawn []string) func([]byte) bool {
	ours, known := icons[name]
	return func(text []byte) bool {
		return known && bytes.Equal(text, ours) || slices.Contains(drawn, sum(text))
	}
}

// drawnBefore are the sums of the icons that the person's entry came with. Without the mark it
// is not believed.
func drawnBefore(path string) []string {
	text, _ := plainfile.Read(path) // what cannot be read names none
	if e := parseEntry(text); e.ours {
		return e.icons
	}
	return nil
}

// sum is an icon's SHA-256.
func sum(icon []byte) string {
	of := sha256.Sum256(icon)
	return hex.EncodeToString(of[:])
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
// them. A *ForeignError names what stays because others wrote it; the error is ErrMachine where
// the machine's entry stays.
func RemoveFromMenu(icons map[string][]byte) error {
	home, err := dirs.DataHome()
	if err != nil {
		return err
	}
	if err := removeFrom(home, icons); err != nil {
		return err
	}
	if s, err := Menu(); err != nil || s.Where == "" {
		return err
	}
	return ErrMachine
}

func removeFrom(home string, icons map[string][]byte) error {
	path := filepath.Join(home, applications, file)
	text, _ := plainfile.Read(path) // what cannot be read fails below
	there, err := filepath.Glob(filepath.Join(globSafe(filepath.Join(home, hicolor)), "*", "apps", name+".*"))
	if err != nil {
		return err
	}
	var others foreign
	drawn := drawnBefore(path)
	for _, path := range append(there, path) {
		if err := others.add(removeOurs(home, path, icons, drawn)); err != nil {
			return err
		}
	}
	if slices.Contains(others, path) { // which folders were made for ours, its text does not say
		return others.err()
	}
	made := parseEntry(text).made
	slices.Sort(made)
	for _, folder := range slices.Backward(made) { // the inner ones first
		if filepath.IsLocal(folder) {
			_ = os.Remove(filepath.Join(home, folder)) // which keeps one that others use
		}
	}
	return others.err()
}

// removeOurs removes the entry or an icon where it was written here.
func removeOurs(home, path string, icons map[string][]byte, drawn []string) error {
	ours := menuIsOurs
	if in, err := filepath.Rel(filepath.Join(home, hicolor), path); err == nil && filepath.IsLocal(in) {
		ours = isIcon(icons, filepath.ToSlash(in), drawn)
	}
	exists, err := standing(path, ours)
	if err != nil || !exists {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// globSafe is a path that Glob takes as it is.
func globSafe(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}
