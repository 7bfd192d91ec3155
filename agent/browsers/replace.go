package browsers

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cpx-bridge/cpx-bridge/internal/atomicfile"
)

// backupSuffix is of the copy of a file of others as it was before our first
// entry came. It goes with our last one.
const backupSuffix = ".before-cpx-bridge"

// replace gives a file its new text in one step; nil removes it. The new file is
// written in scratch, which must be on the same disk. The file as it was is kept as
// backup, unless that is "" or there already: the first copy is the one without
// our entries.
func replace(path, scratch string, text []byte, backup string) error {
	info, err := os.Stat(path)
	exists := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if exists && backup != "" {
		if err := keep(path, backup, scratch, info); err != nil {
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

func keep(path, backup, scratch string, info fs.FileInfo) error {
	if _, err := os.Lstat(backup); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return place(backup, scratch, text, info)
}

// place puts a file into its place in one step. Where there was one its mode and
// owner stay; a new one is for every person's browser to read.
func place(path, scratch string, text []byte, like fs.FileInfo) error {
	return atomicfile.Write(path, text, atomicfile.Options{Mode: 0o644, Like: like, Scratch: scratch})
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
