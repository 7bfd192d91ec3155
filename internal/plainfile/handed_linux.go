package plainfile

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Handed reports whether a path is a pipe that whoever started this program opened for it,
// as `--config <(…)` makes one, or /dev/stdin names it.
func Handed(path string) bool {
	for range maxLinks {
		target, err := os.Readlink(path)
		switch {
		case err != nil:
			return false
		case strings.HasPrefix(target, "pipe:["): // proc(5): the kernel's name of a pipe without one
			return true
		case !filepath.IsAbs(target):
			// Not cleaned: what ".." means after a link is the system's to say.
			target = filepath.Dir(path) + "/" + target
		}
		path = target
	}
	return false
}

// maxLinks is how many links the kernel follows in a path (path_resolution(7)).
const maxLinks = 40

// ReadHanded is what Read gives, or of a pipe that was handed over what that gives until it is
// closed. One that is not closed by then is os.ErrDeadlineExceeded, and one that gives too
// much is ErrTooLong.
func ReadHanded(path string, patience time.Duration) ([]byte, error) {
	if !Handed(path) {
		return Read(path)
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // so that a deadline holds
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := f.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxHanded+1))
	if err == nil && len(text) > maxHanded {
		return nil, &fs.PathError{Op: "read", Path: path, Err: ErrTooLong}
	}
	return text, err
}
