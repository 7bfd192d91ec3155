package sharepath

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/windows"
)

// Leads reports whether a path leads to another computer: \\server\share, in
// any of its spellings, a drive that stands for one, or by way of a link on this computer
// that leads there. A path to a device that is neither a drive nor a volume is taken to lead
// there too. The other computer is not asked.
func Leads(path string) bool { return leads(path, os.Readlink) }

// maxLinks is how many links Windows follows in a path.
const maxLinks = 63

func leads(path string, readlink func(string) (string, error)) bool {
	for range maxLinks {
		if names(path) {
			return true
		}
		next := throughFirstLink(filepath.Clean(path), readlink)
		if next == "" {
			return false
		}
		path = next
	}
	return true // a circle, which leads nowhere that is known
}

// throughFirstLink is the path by way of the first link in it, "" where there is none.
func throughFirstLink(path string, readlink func(string) (string, error)) string {
	if !filepath.IsAbs(path) {
		return ""
	}
	volume := filepath.VolumeName(path)
	at := volume + `\`
	rest := strings.Split(strings.Trim(path[len(volume):], `\`), `\`)
	for i, name := range rest {
		at = filepath.Join(at, name)
		target, err := readlink(at)
		if err != nil {
			continue
		}
		switch {
		case filepath.IsAbs(target):
		case strings.HasPrefix(target, `\`): // on the link's own drive
			target = volume + target
		default:
			target = filepath.Join(filepath.Dir(at), target)
		}
		return filepath.Join(append([]string{target}, rest[i+1:]...)...)
	}
	return ""
}

// names decides by the path's form, and by what its drive is.
func names(path string) bool {
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
		// Windows takes .. out of such a path up to its devices, not up to the drive.
		if slices.Contains(strings.Split(rest, `\`), "..") {
			return true
		}
		// Redirectors have many names, and others may be installed: what is no drive leads
		// elsewhere, but for a volume without a letter, which a mount point leads to.
		if len(filepath.VolumeName(rest)) != len("C:") {
			return !strings.HasPrefix(rest, "VOLUME{")
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
