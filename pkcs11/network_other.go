//go:build !windows

package pkcs11

// OnNetwork reports whether a path names a file on another computer. Unix does not show
// that in a path.
func OnNetwork(string) bool { return false }
