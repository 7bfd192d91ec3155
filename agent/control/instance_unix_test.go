//go:build !windows

package control

import (
	"os"
	"testing"
)

// ownInstance gives the test a runtime folder of its own, and returns a state folder.
func ownInstance(t *testing.T) (state string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_RUNTIME_DIR", dir)
	return t.TempDir()
}

func listens(string) func() { return func() {} }
