// Package atomicfile replaces a file's content in one step: a reader, even after
// the program or the power failed half way, finds the old content or the new,
// whole.
//
// The new content is written to a second file, synced to disk, and renamed
// over the first (POSIX.1-2017, rename; MoveFileEx with
// MOVEFILE_REPLACE_EXISTING on Windows). A symbolic link in the file's place is
// replaced, not followed.
//
// Write may be called concurrently, also by several processes: the last one
// wins. It makes no folder and locks nothing: a caller that reads a file, changes
// it and writes it back needs a lock of its own.
package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cpx-bridge/cpx-bridge/internal/plainfile"
)

// Options describe the new file. The zero value is a file that only its owner may
// read, written beside the one it replaces.
type Options struct {
	// Mode is the new file's, whatever the umask; 0 means 0600.
	Mode fs.FileMode
	// Like, where not nil, is a file whose mode the new file gets, and whose owner
	// too where this process may set that.
	Like fs.FileInfo
	// Scratch is the folder to write the second file in; "" is the file's own. It
	// is for folders of which other programs read every file, and must be on the
	// same disk.
	Scratch string

	sync func(*os.File) error // in place of (*os.File).Sync, for tests
}

// Read reads a file that Write replaces. On Windows a file cannot be opened at the
// very moment of its replacement: Read then tries again.
func Read(path string) ([]byte, error) {
	var content []byte
	err := patiently(func() (err error) {
		content, err = plainfile.Read(path)
		return err
	})
	return content, err
}

// Write replaces the content of the file at path, or creates it. Its folder must
// exist.
func Write(path string, content []byte, o Options) error {
	dir, name := filepath.Split(path)
	if dir == "" {
		dir = "." // CreateTemp would use the system's temporary folder
	}
	scratch := o.Scratch
	if scratch == "" {
		scratch = dir
	}
	f, err := os.CreateTemp(scratch, "."+name+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(content)
	// Sync before the rename: otherwise some disks would keep the new name and lose
	// the content.
	if err = errors.Join(err, f.Chmod(o.mode()), SetOwner(f, o.Like), o.toDisk(f), f.Close()); err != nil {
		return err
	}
	if err := patiently(func() error { return os.Rename(f.Name(), path) }); err != nil {
		return err
	}
	syncFolder(dir)
	return nil
}

func (o Options) mode() fs.FileMode {
	switch {
	case o.Like != nil:
		return o.Like.Mode().Perm()
	case o.Mode != 0:
		return o.Mode
	}
	return 0o600
}

func (o Options) toDisk(f *os.File) error {
	if o.sync != nil {
		return o.sync(f)
	}
	return f.Sync()
}
