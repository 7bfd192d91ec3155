//go:build !windows

package atomicfile

import (
	"io/fs"
	"os"
	"syscall"
)

// setOwner gives a new file the owner of another one. Only root can.
func setOwner(f *os.File, like fs.FileInfo) error {
	if like == nil || os.Geteuid() != 0 {
		return nil
	}
	if s, ok := like.Sys().(*syscall.Stat_t); ok {
		return f.Chown(int(s.Uid), int(s.Gid))
	}
	return nil
}

func patiently(do func() error) error { return do() }

// syncFolder brings the new name to the disk. It is done where it can be: some
// file systems refuse it, and the file is in its place either way.
func syncFolder(dir string) {
	d, err := os.Open(dir)
	if err != nil {
		return
	}
	_ = d.Sync()
	_ = d.Close()
}
