package policy

import (
	"path"
	"runtime"
	"strings"
)

// pathSystem says how paths are written. Windows's are known everywhere, so that a policy
// of the registry reads alike wherever it is tested.
type pathSystem int

const (
	unixPaths pathSystem = iota
	windowsPaths
)

var thisSystem = systemOf(runtime.GOOS)

func systemOf(goos string) pathSystem {
	if goos == "windows" {
		return windowsPaths
	}
	return unixPaths
}

// absolute reports whether a path begins nowhere but at the top. On Windows neither
// \folder, which begins on the current drive, nor C:file does.
func (s pathSystem) absolute(text string) bool {
	if s == unixPaths {
		return path.IsAbs(text)
	}
	return onDrive(text) || s.elsewhere(text)
}

// elsewhere reports whether a path leads away from the machine's own drives, as
// \\server\share does, and \\?\UNC\server\share: all but \\?\C:\ of what begins with two
// separators ("Naming Files, Paths, and Namespaces"). That a drive's letter stands for a
// share shows only in the session that mapped it.
func (s pathSystem) elsewhere(text string) bool {
	if s == unixPaths || len(text) < 3 || !separator(text[0]) || !separator(text[1]) {
		return false
	}
	local, verbatim := strings.CutPrefix(text, `\\?\`)
	return !verbatim || !onDrive(local)
}

// onDrive reports whether a path begins at the top of a drive, with \\?\ before it too.
func onDrive(text string) bool {
	text = strings.TrimPrefix(text, `\\?\`)
	return len(text) >= 3 && text[1] == ':' && separator(text[2]) && ('a' <= text[0]|0x20 && text[0]|0x20 <= 'z')
}

func separator(b byte) bool { return b == '\\' || b == '/' }
