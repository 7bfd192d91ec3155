package pkcs11

import (
	"path/filepath"
	"runtime"

	"golang.org/x/sys/windows"
)

// The vendor's module, by the bits of the programs that load it, and OpenSC's.
const (
	vendor64 = "cps3_pkcs11_w64.dll"
	vendor32 = "cps3_pkcs11_w32.dll"
	openSC   = `OpenSC Project\OpenSC\pkcs11\opensc-pkcs11.dll`
)

// KnownPaths are where the module usually stands: the vendor's first, then OpenSC. The
// folders are asked of Windows itself, never of the environment, which a person can set.
func KnownPaths() []string {
	if runtime.GOARCH == "386" {
		// SystemX86 is the folder that a 32-bit program sees as System32, by its own name.
		return filesBelow(knownFile{windows.FOLDERID_SystemX86, vendor32}, knownFile{windows.FOLDERID_ProgramFilesX86, openSC})
	}
	return filesBelow(knownFile{windows.FOLDERID_System, vendor64}, knownFile{windows.FOLDERID_ProgramFiles, openSC})
}

// foreignPaths are those of the other architecture, which this program cannot load: where
// there is nothing else, that is what has to be said.
func foreignPaths() []string {
	if runtime.GOARCH == "386" {
		return filesBelow(knownFile{windows.FOLDERID_Windows, `Sysnative\` + vendor64})
	}
	return filesBelow(knownFile{windows.FOLDERID_SystemX86, vendor32}, knownFile{windows.FOLDERID_ProgramFilesX86, openSC})
}

type knownFile struct {
	folder *windows.KNOWNFOLDERID
	name   string
}

func filesBelow(files ...knownFile) (paths []string) {
	for _, f := range files {
		if path := below(f.folder, f.name); path != "" {
			paths = append(paths, path)
		}
	}
	return paths
}

func vendorCache() string { return below(windows.FOLDERID_ProgramData, "santesocial", "cps", "cache") }

func openSCCache() string { return below(windows.FOLDERID_Profile, ".eid-cache") }

func below(known *windows.KNOWNFOLDERID, names ...string) string {
	folder, err := windows.KnownFolderPath(known, 0)
	if err != nil {
		return ""
	}
	return filepath.Join(append([]string{folder}, names...)...)
}
