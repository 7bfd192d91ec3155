//go:build !windows

package atomicfile

import (
	"io/fs"
	"os"
	"syscall"
)

// SetOwner gives a file, or a folder, the owner and the group of another file, which only root
// can: it does nothing else.
func SetOwner(f *os.File, like fs.FileInfo) error {
	if like == nil || os.Geteuid() != 0 {
		return nil
	}
	if s, ok := like.Sys().(*syscall.Stat_t); ok {
		return f.Chown(int(s.Uid), int(s.Gid))
	}
	return nil
}

func patiently(do func() error) error { return do() }

// syncFolder syncs the new name to disk. Some file systems refuse that, which is
// no error: the file has its name either way.
func syncFolder(dir string) {
	d, err := os.Open(dir)
	if err != nil {
		return
	}
	_ = d.Sync()
	_ = d.Close()
}
