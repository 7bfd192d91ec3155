package pkcs11

import (
	"path/filepath"
	"strings"
)

// noFileName says what else than a file a path names by its very form, "" where it may be
// one: what names a device would be opened by looking at it, and a stream of a file is a
// library that nobody sees in its folder.
func noFileName(path string) string {
	path = strings.ReplaceAll(path, "/", `\`)
	volume := filepath.VolumeName(path)
	rest := path[len(volume):]
	drive := strings.TrimPrefix(volume, `\\?\`)
	switch share := strings.HasPrefix(strings.ToUpper(volume), `\\?\UNC\`); {
	case strings.HasPrefix(path, `\\.\`), strings.HasPrefix(path, `\??\`), drive != volume && !share && len(drive) != len("C:"):
		return "it names a device"
	case strings.Contains(rest, ":"):
		return "it names a stream of a file"
	}
	for name := range strings.SplitSeq(rest, `\`) {
		if name != "" && name != "." && name != ".." && !filepath.IsLocal(name) {
			return "it names a device"
		}
	}
	return ""
}
