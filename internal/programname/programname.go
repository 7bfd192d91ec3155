// Package programname names a running program as people know it: "Firefox" rather than
// /usr/lib/firefox-esr/firefox-esr.
//
// A name is the system's own word and never the program's: it counts only where
// administrators alone may change the file that runs and what names it, on Linux the entry
// of the applications' menu, on Windows the file's version resource. Any other program is
// shown by its whole path. On Linux browsers alone have names, so that no interpreter lends
// its own to a person's script.
//
// A name says which file runs. A program of the same person can have that very file do what
// it wants (a debugger, LD_PRELOAD, a browser's own options): it helps to recognise a
// request, and proves nothing. All functions may be called concurrently.
package programname

import (
	"slices"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/language"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
	"github.com/cpx-bridge/cpx-bridge/internal/visible"
)

// File is what a process runs.
type File struct {
	Path string // as the system states it
	identity
}

// Program is a running program.
type Program struct {
	Path string
	// Elsewhere says that Path is not what it names here: the process has files of its own,
	// as in a container, and could have put anything there.
	Elsewhere bool

	names names
}

// names are a program's name in the languages of the agent, "" where it has none.
type names struct{ french, english string }

func (n names) in(lang string) string {
	if lang == language.French {
		return n.french
	}
	return n.english
}

// maxName is the longest name in characters. No browser's comes near.
const maxName = 60

// shown makes a name safe to show.
func shown(name string) string { return visible.Short(strings.TrimSpace(name), maxName) }

// Programs are those that hold one connection, mostly one.
type Programs []Program

// Unnamed are programs of which nothing but their paths is known.
func Unnamed(files []File) (list Programs) {
	for _, f := range files {
		list = append(list, Program{Path: f.Path})
	}
	return list
}

// Named reports whether each has a name.
func (p Programs) Named() bool {
	return len(p) > 0 && !slices.ContainsFunc(p, func(one Program) bool { return one.names == names{} })
}

// Text is what a person reads: the names where each has one, else the paths, as beside a
// name a path would pass for something that belongs to it. "" where there is none.
func (p Programs) Text(lang string) string {
	var list []string
	for _, one := range p {
		text := one.Path
		switch {
		case p.Named():
			text = one.names.in(lang)
		case one.Elsewhere:
			text = texts.In(lang).Text("program.elsewhere", one.Path)
		}
		if !slices.Contains(list, text) {
			list = append(list, text)
		}
	}
	return strings.Join(list, ", ")
}

// Log is what the log has: names and paths.
func (p Programs) Log() string {
	var list []string
	for _, one := range p {
		text := one.Path
		switch name := one.names.in(language.English); {
		case name != "":
			text = name + " (" + one.Path + ")"
		case one.Elsewhere:
			text = texts.In(language.English).Text("program.elsewhere", one.Path)
		}
		list = append(list, text)
	}
	return strings.Join(list, ", ")
}
