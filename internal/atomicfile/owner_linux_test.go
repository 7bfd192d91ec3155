package atomicfile

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A user's file that an administrator changes remains the user's.
func TestOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	path := filepath.Join(folder(t), "value.json")
	mustWrite(t, path, "one", Options{})
	if err := os.Chown(path, 12345, 23456); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	mustWrite(t, path, "two", Options{Like: info})
	expect(t, path, "two")
	now, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if s := now.Sys().(*syscall.Stat_t); s.Uid != 12345 || s.Gid != 23456 {
		t.Errorf("owner %d:%d", s.Uid, s.Gid)
	}
}
