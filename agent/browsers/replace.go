package browsers

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// backupSuffix is of the copy that is made of a file of others before it changes.
const backupSuffix = ".before-cpx-bridge"

// replace gives a file its new text in one step; nil removes it. The new file is
// written in scratch, which must be on the same disk. With backup, the file as it
// was is kept there too.
func replace(path, scratch string, text []byte, backup bool) error {
	info, err := os.Stat(path)
	exists := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if exists && backup {
		old, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := place(filepath.Join(scratch, filepath.Base(path)+backupSuffix), scratch, old, info); err != nil {
			return err
		}
	}
	if text == nil {
		return os.Remove(path)
	}
	if err := makeFolder(filepath.Dir(path)); err != nil {
		return err
	}
	return place(path, scratch, text, info)
}

// place writes beside and renames. Where there was a file its mode and owner
// stay; a new one is for every person's browser to read.
func place(path, scratch string, text []byte, like fs.FileInfo) error {
	f, err := os.CreateTemp(scratch, ".cpx-bridge-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	mode := fs.FileMode(0o644)
	if like != nil {
		mode = like.Mode().Perm()
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Chmod(mode), keepOwner(f, like), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// makeFolder makes what is missing so that every person's browser gets through,
// whatever the umask.
func makeFolder(dir string) error {
	var missing []string
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(at); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		missing = append(missing, at)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, d := range missing {
		if err := os.Chmod(d, 0o755); err != nil {
			return err
		}
	}
	return nil
}
