//go:build !windows

package control

import (
	"os"
	"testing"
)

// ownPlace gives the test a place of its own.
func ownPlace(t *testing.T) (state string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_RUNTIME_DIR", dir)
	return t.TempDir()
}

func listens() func() { return func() {} }
