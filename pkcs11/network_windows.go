package pkcs11

import (
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"
)

// OnNetwork reports whether a path names a file on another computer: \\server\share, in
// any of its spellings, or a drive that stands for one. The other computer is not asked.
// What a link leads to is not looked at.
func OnNetwork(path string) bool {
	path = strings.ToUpper(strings.ReplaceAll(path, "/", `\`))
	for _, devices := range []string{`\\?\`, `\\.\`, `\??\`} {
		rest, is := strings.CutPrefix(path, devices)
		if !is {
			continue
		}
		// GLOBALROOT and Global are other names of the same objects.
		for _, alias := range []string{`GLOBALROOT\`, `GLOBAL\`, `??\`, `GLOBAL??\`} {
			rest = strings.TrimPrefix(rest, alias)
		}
		if strings.HasPrefix(rest, `UNC\`) || strings.HasPrefix(rest, `DEVICE\MUP\`) {
			return true
		}
		return remoteDrive(rest)
	}
	return strings.HasPrefix(path, `\\`) || remoteDrive(path)
}

// remoteDrive asks Windows what the drive of a path is (GetDriveType).
func remoteDrive(path string) bool {
	drive := filepath.VolumeName(path)
	if len(drive) != len("C:") {
		return false
	}
	name, err := windows.UTF16PtrFromString(drive + `\`)
	return err == nil && windows.GetDriveType(name) == windows.DRIVE_REMOTE
}
