package pkcs11

// KnownPaths are where the module usually stands: the vendor's first, then
// OpenSC.
func KnownPaths() []string {
	return []string{"/usr/local/lib/libcps3_pkcs11_osx.dylib", "/Library/OpenSC/lib/opensc-pkcs11.so", "/usr/local/lib/opensc-pkcs11.so"}
}
