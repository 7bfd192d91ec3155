package autostart

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/windows"

	"github.com/cpx-bridge/cpx-bridge/internal/language"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

const shortcutName = "CPx Bridge.lnk"

// menuFolders are those of the Start menu (KNOWNFOLDERID): Windows shows what stands in
// either.
var menuFolders = struct{ machine, person *windows.KNOWNFOLDERID }{windows.FOLDERID_CommonPrograms, windows.FOLDERID_Programs}

func shortcutIn(folder *windows.KNOWNFOLDERID) (string, error) {
	dir, err := windows.KnownFolderPath(folder, windows.KF_FLAG_DONT_VERIFY)
	return filepath.Join(dir, shortcutName), err
}

// Menu says whether the agent stands in the Start menu. The machine's shortcut comes first.
func Menu() (State, error) {
	var found State
	for _, folder := range []*windows.KNOWNFOLDERID{menuFolders.machine, menuFolders.person} {
		path, err := shortcutIn(folder)
		if err != nil {
			return State{}, err
		}
		s, err := shortcutState(path)
		if err != nil || s.Enabled {
			s.Machine = folder == menuFolders.machine
			return s, err
		}
		if found == (State{}) {
			found = s
		}
	}
	return found, nil
}

func shortcutState(path string) (State, error) {
	if _, err := os.Stat(path); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return State{}, nil
		}
		return State{}, err
	}
	l, err := readLink(path)
	if err != nil {
		return State{}, err
	}
	s := State{Enabled: true, Where: path, Program: l.program, Supervised: slices.Contains(strings.Fields(l.arguments), supervise)}
	if !isFile(l.program) {
		s.Missing, s.Enabled = l.program, false
	}
	return s, nil
}

// AddToMenu gives the person a shortcut to the program, or to the one beside it that has no
// console. It bears its icon itself. Where the machine's starts the agent, the person's is
// removed.
func AddToMenu(program string, _ map[string][]byte) error {
	if everyone, err := shortcutIn(menuFolders.machine); err == nil {
		if s, err := shortcutState(everyone); err != nil || s.Enabled {
			return errors.Join(err, removeShortcut())
		}
	}
	path, err := shortcutIn(menuFolders.person)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	comment := texts.In(language.Desktop()).Text("autostart.comment")
	return writeLink(path, link{program: withoutConsole(program), arguments: strings.Join(AtClick, " "), comment: comment})
}

// RemoveFromMenu removes the person's own shortcut. The error is ErrMachine where the
// machine's stays.
func RemoveFromMenu(map[string][]byte) error {
	if err := removeShortcut(); err != nil {
		return err
	}
	if s, err := Menu(); err != nil || s.Where == "" {
		return err
	}
	return ErrMachine
}

func removeShortcut() error {
	path, err := shortcutIn(menuFolders.person)
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
