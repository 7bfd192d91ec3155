package pkcs11

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
