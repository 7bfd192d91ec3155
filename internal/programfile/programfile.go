// Package programfile compares the program that runs with its file as it is now: an upgrade
// replaces the file, and the process goes on.
//
// A [File] may be used from any goroutine. Its file is never executed here, and of what
// stands there now nothing but the version is read, which whoever wrote it has chosen: it is
// for people, and no decision may stand on it.
package programfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"

	"github.com/cpx-bridge/cpx-bridge/internal/plainfile"
)

// Change is what became of the file.
type Change struct {
	Removed bool
	Version string // of the program that is there; "" where it says none that can be read
}

// File is the file that a process was started from.
type File struct {
	path    string
	running fs.FileInfo
	image   string // leads to what runs, also where the file is another; "" where nothing does

	mu      sync.Mutex
	seen    fs.FileInfo // the other file that change is of; nil: none
	changed bool
	change  Change
}

// Own is this program's file. It is to be asked for early: where nothing but the path leads
// to what runs, that is the file as it is then.
func Own() (*File, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("programfile: %w", err)
	}
	return open(path, ownImage)
}

// At is the file of a program that was started from a path, where nothing else leads to what
// runs. The system holds that file as long as it runs.
func At(path string) (*File, error) { return open(path, "") }

func open(path, image string) (*File, error) {
	running := path
	if image != "" {
		running = image
	}
	info, err := os.Stat(running)
	if err != nil {
		return nil, fmt.Errorf("programfile: %w", err)
	}
	os.SameFile(info, info) // on Windows what identifies a file is read at the first comparison
	return &File{path: path, running: info, image: image}, nil
}

// Path is where the file is, or was.
func (f *File) Path() string { return f.path }

// Changed reports whether the file is no longer what runs, and what it is. The same bytes in
// a new file, as after a repair, are no change. A file that cannot be looked up is none either.
func (f *File) Changed() (Change, bool) {
	info, err := os.Stat(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Change{Removed: true}, true
	case err != nil, os.SameFile(info, f.running):
		return Change{}, false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.seen == nil || !os.SameFile(info, f.seen) || info.Size() != f.seen.Size() || !info.ModTime().Equal(f.seen.ModTime()) {
		f.seen, f.change, f.changed = info, Change{}, !f.sameBytes(info)
		if f.changed {
			f.change.Version = VersionOf(f.path)
		}
	}
	return f.change, f.changed
}

// sameBytes is false where what runs cannot be read.
func (f *File) sameBytes(info fs.FileInfo) bool {
	if f.image == "" || info.Size() != f.running.Size() {
		return false
	}
	ours, err := os.Open(f.image)
	if err != nil {
		return false
	}
	defer ours.Close()
	theirs, err := plainfile.Open(f.path)
	if err != nil {
		return false
	}
	defer theirs.Close()
	a, b := make([]byte, chunk), make([]byte, chunk)
	for {
		n, err := io.ReadFull(ours, a)
		m, otherErr := io.ReadFull(theirs, b)
		switch {
		case !bytes.Equal(a[:n], b[:m]):
			return false
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return errors.Is(otherErr, err)
		case err != nil, otherErr != nil:
			return false
		}
	}
}
