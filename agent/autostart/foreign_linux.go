package autostart

import (
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/plainfile"
)

// standing finds out what stands at a path: nothing, a file of ours, or what others put there,
// which is a *ForeignError. A link is others' whatever it leads to: nothing here makes one, and
// replacing it would lose it.
func standing(path string, ours func(text []byte) bool) (exists bool, err error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if !info.Mode().IsRegular() {
		return true, &ForeignError{Paths: []string{path}}
	}
	text, err := plainfile.Read(path)
	if err == nil && !ours(text) {
		err = &ForeignError{Paths: []string{path}}
	}
	return true, err
}

// foreign gathers what of many paths is others'. Any other error ends it.
type foreign []string

func (f *foreign) add(err error) error {
	if other, is := errors.AsType[*ForeignError](err); is {
		*f = append(*f, other.Paths...)
		return nil
	}
	return err
}

func (f foreign) err() error {
	if len(f) == 0 {
		return nil
	}
	return &ForeignError{Paths: f}
}

// menuIsOurs recognises the person's entry of the menu, also one from before the mark.
func menuIsOurs(text []byte) bool { return isOurs(text, MenuEntry) }

// startIsOurs recognises the person's autostart entry, also those from before the mark and
// before the supervisor.
func startIsOurs(text []byte) bool {
	unsupervised := func(program string) (string, error) { return startEntry(program, []string{"run"}) }
	hides := func(string) (string, error) { return hidden, nil }
	return isOurs(text, DesktopEntry, unsupervised, hides)
}

// isOurs reports whether an entry bears the mark, or is word for word what was once written for
// the program that it names. One that names no program and is hidden holds nothing of anybody:
// desktops write it where a person switches an entry off.
func isOurs(text []byte, forms ...func(program string) (string, error)) bool {
	e := parseEntry(text)
	if e.ours || !e.enabled && e.tryExec == "" && len(e.exec) == 0 && onlySwitches(text) {
		return true
	}
	program, _ := e.started()
	for _, form := range forms {
		if once, err := form(program); err == nil && withoutSwitches(once) == withoutSwitches(string(text)) {
			return true
		}
	}
	return false
}

// switches are the keys that desktops set where a person switches an entry on or off in them,
// and our own of before the mark: what is set there leaves the entry ours.
var switches = []string{"Hidden", "X-GNOME-Autostart-enabled", "X-MATE-Autostart-enabled", madeKey}

func withoutSwitches(text string) string {
	var rest strings.Builder
	for line := range strings.Lines(text) {
		if !isSwitch(line) {
			rest.WriteString(line)
		}
	}
	return strings.TrimSpace(rest.String())
}

func onlySwitches(text []byte) bool { return withoutSwitches(string(text)) == "[Desktop Entry]" }

func isSwitch(line string) bool {
	key, _, _ := strings.Cut(line, "=")
	for _, each := range switches {
		if strings.TrimSpace(key) == each {
			return true
		}
	}
	return false
}
