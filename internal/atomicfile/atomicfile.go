// Package atomicfile gives a file a new content in one step: whoever reads it
// meanwhile, and whatever ends the program or the power half way, finds the old
// content or the new one, whole.
//
// The new content is written to a second file, brought to the disk, and renamed
// over the first (POSIX.1-2017, rename; MoveFileEx with
// MOVEFILE_REPLACE_EXISTING on Windows). A symbolic link in the file's place is
// replaced, not followed.
//
// Write may be called concurrently, also by several processes: the last one
// wins. It makes no folder, and it locks nothing: who reads a file in order to
// write it needs a lock of its own.
package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Options say what the new file is like. The zero value is a file that only its
// owner may read, written beside the one it replaces.
type Options struct {
	// Mode is the new file's, whatever the umask; 0 is 0600.
	Mode fs.FileMode
	// Like, where it is not nil, gives the new file its mode, and its owner where
	// this process may give files away.
	Like fs.FileInfo
	// Scratch is the folder in which the file is written; "" is the file's own.
	// It is for folders of which other programs read every file, and must be on
	// the same disk.
	Scratch string

	sync func(*os.File) error // in place of (*os.File).Sync, for tests
}

// Read reads a file that Write replaces. On Windows a file cannot be opened at
// the very moment in which it is replaced: Read then waits for it.
func Read(path string) ([]byte, error) {
	var content []byte
	err := patiently(func() (err error) {
		content, err = os.ReadFile(path)
		return err
	})
	return content, err
}

// Write gives the file at path its content. The folder must be there.
func Write(path string, content []byte, o Options) error {
	dir, name := filepath.Split(path)
	if dir == "" {
		dir = "." // CreateTemp would take the system's folder
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
	// Synced before it is renamed: some disks would else keep the new name and
	// lose the content.
	if err = errors.Join(err, f.Chmod(o.mode()), setOwner(f, o.Like), o.toDisk(f), f.Close()); err != nil {
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
