package journal

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/windows"
)

// least is the room that a log needs to go on for a while.
const least = 64 << 10

// FILE_ADD_FILE and FILE_ADD_SUBDIRECTORY of winnt.h.
const (
	addFile   = 0x2
	addFolder = 0x4
)

// Check reports why no log could be kept in the state folder, or nil. It changes
// nothing: it asks Windows for the rights to write, and writes nothing. What it cannot
// see from outside only a running agent knows.
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
	if err := may(dir, addFile|addFolder); err != nil {
		return err
	}
	for _, name := range []string{Name, AuditName} {
		file := filepath.Join(stateDir, name)
		info, err := os.Lstat(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return notAFile(file)
		}
		if info.Mode().Perm()&0o200 == 0 { // its attribute, which is no matter of rights
			return &fs.PathError{Op: "write", Path: file, Err: windows.ERROR_ACCESS_DENIED}
		}
		if err := may(file, windows.FILE_APPEND_DATA); err != nil {
			return err
		}
	}
	if free, err := freeSpace(dir); err == nil && free < least { // where nothing is known nothing is said
		return &fs.PathError{Op: "write", Path: dir, Err: windows.ERROR_DISK_FULL}
	}
	return nil
}

// may reports that this process may not open a file or folder with these rights. A file
// that another program has open for itself alone, as a search for viruses does, is
// permitted.
func may(path string, rights uint32) error {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return &fs.PathError{Op: "write", Path: path, Err: err}
	}
	handle, err := windows.CreateFile(name, rights, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE, nil,
		windows.OPEN_EXISTING, windows.FILE_FLAG_BACKUP_SEMANTICS, 0) // which opens folders too
	switch {
	case errors.Is(err, windows.ERROR_SHARING_VIOLATION):
		return nil
	case err != nil:
		return &fs.PathError{Op: "write", Path: path, Err: err}
	}
	return windows.CloseHandle(handle)
}

// freeSpace is the room that the person has on a folder's disk, their quota included
// (GetDiskFreeSpaceEx). A test plays a full one.
var freeSpace = func(dir string) (uint64, error) {
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, err
	}
	var free uint64
	err = windows.GetDiskFreeSpaceEx(name, &free, nil, nil)
	return free, err
}

// CheckNames reports whether a folder has room for a new file; Windows counts no files.
func CheckNames(string) error { return nil }
