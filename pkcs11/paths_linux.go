package pkcs11

import (
	"os"
	"path/filepath"
)

// KnownPaths are where the module usually stands: the vendor's first, then
// OpenSC, which knows CPx cards too.
func KnownPaths() []string {
	return []string{
		"/opt/santesocial/CPS/lib/libcps3_pkcs11_lux.so",
		"/usr/lib64/libcps3_pkcs11_lux.so",
		"/usr/local/galss/libcps3_pkcs11_lux.so",
		"/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so",
		"/usr/lib/aarch64-linux-gnu/opensc-pkcs11.so",
		"/usr/lib64/opensc-pkcs11.so",
		"/usr/lib/opensc-pkcs11.so",
	}
}

func vendorCache() string { return "/etc/opt/santesocial/CPS/cache" }

// openSCCache is OpenSC's own default; its settings may name another folder, and have
// to switch the cache on.
func openSCCache() string {
	folder, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(folder, "opensc")
}
