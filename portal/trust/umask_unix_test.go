//go:build !windows

package trust

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestAddUnderAnyUmask: who may read the settings may read the authorities too, and nobody else
// than their owner may change them, whatever the umask of who adds them.
func TestAddUnderAnyUmask(t *testing.T) {
	n := newNine(t)
	const group = 64242
	for _, c := range []struct {
		umask                  int
		settings, folder, file os.FileMode
	}{{0o077, 0o640, 0o750, 0o640}, {0o027, 0o644, 0o755, 0o644}, {0, 0o660, 0o750, 0o640}, {0o022, 0o600, 0o700, 0o600}} {
		dir := t.TempDir()
		path := filepath.Join(dir, "portal.toml")
		if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
			t.Fatal(err)
		}
		if os.Geteuid() == 0 {
			if err := os.Chown(path, 0, group); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chmod(path, c.settings); err != nil {
			t.Fatal(err)
		}
		old := syscall.Umask(c.umask)
		_, err := Add(n.addition(path), n.certificates(t, cards...))
		syscall.Umask(old)
		if err != nil {
			t.Fatal(err)
		}
		check := func(path string, mode os.FileMode) {
			t.Helper()
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			owner, is := info.Sys().(*syscall.Stat_t)
			if info.Mode().Perm() != mode || is && os.Geteuid() == 0 && owner.Gid != group {
				t.Errorf("umask %03o: %s is %v of the group %d, want %v", c.umask, path, info.Mode(), owner.Gid, mode)
			}
		}
		check(filepath.Join(dir, Folder), c.folder)
		list, err := filepath.Glob(filepath.Join(dir, Folder, "*.pem"))
		if err != nil || len(list) != len(cards) {
			t.Fatalf("%q, %v", list, err)
		}
		for _, file := range list {
			check(file, c.file)
		}
	}
}
