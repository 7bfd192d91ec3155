package browsers

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cpx-bridge/cpx-bridge/internal/atomicfile"
	"github.com/cpx-bridge/cpx-bridge/internal/plainfile"
)

// backupSuffix marks the copy of others' file from before our first entry. The
// copy is removed with our last entry.
const backupSuffix = ".before-cpx-bridge"

// replace gives a file its new text in one step; nil removes it. The new file is
// written in the folder scratch, which must be on the same disk. The old file is
// copied to backup, unless that is "" or exists already: the first copy is the one
// without our entries.
func replace(path, scratch string, text []byte, backup string) error {
	info, err := os.Stat(path)
	exists := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if exists && backup != "" {
		if err := backUp(path, backup, scratch, info); err != nil {
			return err
		}
	}
	if text == nil {
		return os.Remove(path)
	}
	if err := makeFolder(filepath.Dir(path)); err != nil {
		return err
	}
	return writeFile(path, scratch, text, info)
}

func backUp(path, backup, scratch string, info fs.FileInfo) error {
	if _, err := os.Lstat(backup); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	text, err := plainfile.Read(path)
	if err != nil {
		return err
	}
	return writeFile(backup, scratch, text, info)
}

// writeFile writes a file in one step. It preserves the mode and owner of like; a
// new file is readable for every person's browser.
func writeFile(path, scratch string, text []byte, like fs.FileInfo) error {
	return atomicfile.Write(path, text, atomicfile.Options{Mode: 0o644, Like: like, Scratch: scratch})
}

// missing are a folder and those above it that do not exist.
func missing(dir string) (list []string) {
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(at); !errors.Is(err, fs.ErrNotExist) {
			return list
		}
		list = append(list, at)
	}
}

// makeFolder makes a folder and the missing ones above it, which every person's
// browser can enter whatever the umask.
func makeFolder(dir string) error {
	made := missing(dir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, d := range made {
		if err := os.Chmod(d, 0o755); err != nil {
			return err
		}
	}
	return nil
}
