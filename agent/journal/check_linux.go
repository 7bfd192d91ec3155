package journal

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// least is the room that a log needs to go on for a while.
const least = 64 << 10

// Check reports why no log could be kept in the state folder, or nil. It changes
// nothing. What it cannot see from outside, such as a share that is used up, only a
// running agent knows.
func Check(stateDir string) error {
	dir := stateDir
	info, err := os.Stat(dir)
	for errors.Is(err, fs.ErrNotExist) && dir != filepath.Dir(dir) { // the first parent that exists
		dir = filepath.Dir(dir)
		info, err = os.Stat(dir)
	}
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return &fs.PathError{Op: "write", Path: dir, Err: syscall.ENOTDIR}
	}
	if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
		return &fs.PathError{Op: "write", Path: dir, Err: err}
	}
	exist := true
	for _, name := range []string{Name, AuditName} {
		file := filepath.Join(stateDir, name)
		info, err := os.Lstat(file)
		if err == nil && !info.Mode().IsRegular() {
			return notAFile(file)
		}
		if err == nil && unix.Access(file, unix.W_OK) != nil {
			return &fs.PathError{Op: "write", Path: file, Err: syscall.EACCES}
		}
		exist = exist && err == nil
	}
	return space(dir, exist)
}

// space reports that the folder's disk has no room; exist says that no new file is
// needed.
func space(dir string, exist bool) error {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return nil // nothing is known, so nothing is said
	}
	blocks, names := s.Bavail, s.Ffree
	if os.Geteuid() == 0 { // for whom the last blocks are reserved
		blocks = s.Bfree
	}
	// A file system that counts no blocks or no files says zero of all.
	if s.Blocks > 0 && blocks*uint64(s.Bsize) < least || s.Files > 0 && names == 0 && !exist {
		return &fs.PathError{Op: "write", Path: dir, Err: syscall.ENOSPC}
	}
	return nil
}

// CheckNames reports whether a folder has room for a new file, if it is empty, or why
// not.
func CheckNames(dir string) error {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err == nil && s.Files > 0 && s.Ffree == 0 {
		return &fs.PathError{Op: "write", Path: dir, Err: syscall.ENOSPC}
	}
	return nil
}
