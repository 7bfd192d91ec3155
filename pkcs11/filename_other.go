//go:build !windows

package pkcs11

// noFileName says what else than a file a path names by its very form: nothing here.
func noFileName(string) string { return "" }

// foreignPaths are modules of another architecture: only Windows has places for them.
func foreignPaths() []string { return nil }
