package pkcs11

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// KnownPaths are where the module usually stands. The system folder is asked
// of Windows itself, never of the environment, which a person can set.
func KnownPaths() []string {
	var paths []string
	if system, err := windows.GetSystemDirectory(); err == nil {
		name := "cps3_pkcs11_w64.dll"
		if os.Getenv("PROCESSOR_ARCHITECTURE") == "x86" {
			name = "cps3_pkcs11_w32.dll"
		}
		paths = append(paths, filepath.Join(system, name))
	}
	if programs, err := windows.KnownFolderPath(windows.FOLDERID_ProgramFiles, 0); err == nil {
		paths = append(paths, filepath.Join(programs, "OpenSC Project", "OpenSC", "pkcs11", "opensc-pkcs11.dll"))
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
