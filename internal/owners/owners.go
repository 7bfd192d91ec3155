// Package owners says who else may change what a path names: the file itself, each
// folder above it, and each link on the way with the folders above that.
//
// Who passes the check cannot be fooled between it and the use of the path: none but the
// trusted may replace anything on the way. It ends there: what a program or library
// loads of its own is not looked at, but for a script's interpreter, nor are rights that
// a mode does not show (NFSv4 access lists, capabilities).
//
// On Windows the machine's are SYSTEM, the group Administrators and TrustedInstaller, and
// the administrators of its domain; others are those whom an access list grants a right
// with which the thing, or what is beside a library, is changed. A folder there is none
// that others may change because they may add to it, unless it holds the file itself.
// Registry keys are looked at in the same way.
//
// All functions may be called concurrently. Nothing is changed.
package owners

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/language"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

// Trust says whose files are trusted.
type Trust int

// Whose: the machine's, and a person's own.
const (
	Root Trust = iota
	Person
)

// Kind says what is wrong with one file, folder or link.
type Kind int

// What may be wrong.
const (
	// Owner: it belongs to somebody else.
	Owner Kind = iota
	// Unknown: it belongs to nobody, which is what a system shows for owners that it
	// cannot name: in a container without the host's root, on some network drives.
	Unknown
	// Group and All: others may write it.
	Group
	All
	// Others and Adds: on Windows an account may change it, or add to a folder.
	Others
	Adds
)

// Fault is one thing on the way that is not as it must be.
type Fault struct {
	Path     string
	Kind     Kind
	Folder   bool
	Link     bool
	UID, GID uint32 // on Unix
	Mode     fs.FileMode

	Listed bool   // it was found in an access list, on Windows
	SID    string // whose it is, or who may change it
	Writes bool   // the list grants its owner to change it
	Key    bool   // it is a registry key
}

// Error says why a path is not trusted.
type Error struct {
	Path   string
	Trust  Trust
	Faults []Fault // from the root down, at least one
	// Fixed says that the path cannot be another one: what is on it is to be mended.
	Fixed bool
	// Missing says that nothing is there, and that others may put something there: to mend
	// who may is no use until something is.
	Missing bool
}

// Error is Why in English.
func (e *Error) Error() string { return e.Why(texts.In(language.English)) }

// Why says in a person's language who may change what.
func (e *Error) Why(say texts.Catalogue) string {
	parts := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		if f.Listed {
			parts[i] = f.whyListed(say)
			continue
		}
		switch f.Kind {
		case Owner:
			parts[i] = say.Text("owners.owner", f.Path, name(usersFile, f.UID))
		case Unknown:
			parts[i] = say.Text("owners.unknown", f.Path, fmt.Sprint(f.UID))
		case Group:
			parts[i] = say.Text("owners.group", f.Path, name(groupsFile, f.GID), f.mode())
		case All:
			parts[i] = say.Text("owners.all", f.Path, f.mode())
		}
	}
	return strings.Join(parts, say.Text("owners.and"))
}

func (f Fault) mode() string { return fmt.Sprintf("%03o", f.Mode.Perm()) }

// Next says what cures it.
func (e *Error) Next(say texts.Catalogue) string {
	if e.Faults[0].Listed {
		return e.nextListed(say)
	}
	var writable, foreign, links []string
	unknown, folder := false, ""
	for _, f := range e.Faults {
		switch {
		case f.Kind == Unknown:
			unknown = true
		case f.Kind == Owner && f.Folder && !e.Fixed:
			folder = f.Path
		case f.Kind == Owner && f.Link:
			links = append(links, quote(f.Path))
		case f.Kind == Owner:
			foreign = append(foreign, quote(f.Path))
		}
		if f.writable() {
			writable = append(writable, quote(f.Path))
		}
	}
	switch {
	case unknown:
		return say.Text("owners.next_unknown")
	case folder != "": // perhaps somebody's home, which must stay theirs
		return say.Text("owners.next_folder", folder)
	case e.Trust == Person && len(foreign)+len(links) > 0:
		return say.Text("owners.next_copy", e.Path)
	}
	var commands []string
	for command, paths := range map[string][]string{"chown root:root": foreign, "chown -h root:root": links, "chmod go-w": writable} {
		if len(paths) > 0 {
			commands = append(commands, command+" "+strings.Join(paths, " "))
		}
	}
	slices.SortFunc(commands, func(a, b string) int { return strings.Compare(b, a) }) // chown, which may clear rights, first
	if e.Trust == Person {
		return say.Text("owners.next_own", strings.Join(commands, " && "))
	}
	return say.Text("owners.next", strings.Join(commands, " && "))
}

func (f Fault) writable() bool { return !f.Link && f.Mode.Perm()&othersWrite != 0 }

// othersWrite are the rights of group and all to write. The mask of a POSIX access list
// shows as the group's.
const othersWrite fs.FileMode = 0o022

// quote writes a path for a shell.
func quote(path string) string {
	if !strings.ContainsFunc(path, func(r rune) bool {
		return !strings.ContainsRune("/._-+", r) && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
