// Package plainfile opens regular files, and waits for nothing else: opening a named
// pipe that nobody writes to would never return, and a device may give bytes without
// end. Its functions may be called concurrently.
package plainfile

import (
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Kind is what a path names that is no regular file.
type Kind string

// The kinds.
const (
	Folder Kind = "a folder"
	Pipe   Kind = "a named pipe"
	Socket Kind = "a socket"
	Device Kind = "a device"
	Other  Kind = "something else"
)

// KindError says that a path names no regular file.
type KindError struct {
	Path string
	Kind Kind
}

func (e *KindError) Error() string {
	return fmt.Sprintf("%s is %s: a regular file is needed", e.Path, e.Kind)
}

// Open opens a regular file for reading; a link is followed. Of anything else it
// returns a *KindError.
func Open(path string) (*os.File, error) {
	// Before it is opened: opening a device may already do something.
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, &KindError{path, KindOf(info.Mode())}
	}
	// What was put in its place since must not hold us up either.
	f, err := os.OpenFile(path, os.O_RDONLY|atOnce, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &KindError{path, KindOf(info.Mode())}
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// Read is the content of a regular file, as Open finds it.
func Read(path string) ([]byte, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

// KindOf is the kind of a mode that is no regular file's.
func KindOf(mode fs.FileMode) Kind {
	switch {
	case mode.IsDir():
		return Folder
	case mode&fs.ModeNamedPipe != 0:
		return Pipe
	case mode&fs.ModeSocket != 0:
		return Socket
	case mode&fs.ModeDevice != 0:
		return Device
	}
	return Other
}
