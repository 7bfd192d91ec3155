package pkcs11

import (
	"os"
	"path/filepath"
)

// KnownPaths are where the module usually stands: the vendor's first, then
// OpenSC.
func KnownPaths() []string {
	return []string{"/usr/local/lib/libcps3_pkcs11_osx.dylib", "/Library/OpenSC/lib/opensc-pkcs11.so", "/usr/local/lib/opensc-pkcs11.so"}
}

func vendorCache() string { return "" } // not known

func openSCCache() string {
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".cache", "opensc")
}
