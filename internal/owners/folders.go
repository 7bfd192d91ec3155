package owners

import (
	"slices"
	"strings"
)

// drive is the one that Windows is on, as a rule. Another one only has advice be more
// careful.
const drive = `c:`

// The folders that Windows makes on its drive, and sets the rights of.
const (
	windowsFolder = drive + `\windows`
	usersFolder   = drive + `\users`
	programData   = drive + `\programdata`
)

var programFiles = []string{drive + `\program files`, drive + `\program files (x86)`, drive + `\program files (arm)`}

// shortNames are what Windows calls folders of its own where names have eight letters.
var shortNames = map[string]string{`progra~1`: `program files`, `progra~2`: `program files (x86)`, `progra~3`: `programdata`}

// changed reports a fault that a Windows as it was installed has not: somebody changed the
// rights that it sets. To C:\ and ProgramData everybody may add from the beginning, and to
// some folders below its own.
func (f Fault) changed() bool {
	path := plain(f.Path)
	switch {
	case !f.Folder || f.Kind == Unknown:
		return false
	case path == drive || path == programData:
		return f.Kind != Adds
	case path == usersFolder || path == windowsFolder || path == windowsFolder+`\system32` || path == windowsFolder+`\syswow64`:
		return true
	}
	return programFolder(path)
}

// shared reports a folder that more needs than one file, so that no command is said for it:
// those of Windows itself on whatever drive, a drive or share, and people's own.
func shared(folder string) bool {
	path := plain(folder)
	if strings.HasPrefix(path, `\\`) {
		return strings.Count(path, `\`) <= 3 // a share's root, or a volume's
	}
	if len(path) <= len(drive) {
		return true
	}
	path = drive + path[len(drive):]
	return path == programData || path == usersFolder || parent(path) == usersFolder ||
		programFolder(path) || within(path, windowsFolder)
}

// programFolder reports one of Program Files, or what Windows makes in them for all.
func programFolder(path string) bool {
	return slices.ContainsFunc(programFiles, func(p string) bool { return path == p || path == p+`\common files` })
}

// installed reports a file that is where administrators install.
func installed(path string) bool {
	path = plain(path)
	return within(path, windowsFolder) || slices.ContainsFunc(programFiles, func(p string) bool { return within(path, p) })
}

func within(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, folder+`\`)
}

// plain is an absolute path in one form, so that two that name the same are the same, a
// drive without the backslash at its end.
func plain(path string) string {
	path = strings.TrimRight(strings.ToLower(strings.ReplaceAll(path, `/`, `\`)), `\`)
	if long := strings.TrimPrefix(path, `\\?\`); len(long) >= len(drive) && long[1] == ':' {
		path = long
	}
	names := strings.Split(path, `\`)
	if len(names) > 1 && shortNames[names[1]] != "" {
		names[1] = shortNames[names[1]]
	}
	return strings.Join(names, `\`)
}

// parent is the folder of a plain path, "" where it has none.
func parent(path string) string { return path[:max(0, strings.LastIndexByte(path, '\\'))] }
