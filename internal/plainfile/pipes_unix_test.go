//go:build unix

package plainfile

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestPipes: a pipe that nobody writes to, a socket, and links to them are refused at once.
func TestPipes(t *testing.T) {
	dir, err := os.MkdirTemp("", "") // short, for the socket's sake
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	pipe, link, socket := filepath.Join(dir, "pipe"), filepath.Join(dir, "link"), filepath.Join(dir, "socket")
	if err := errors.Join(syscall.Mkfifo(pipe, 0o600), os.Symlink(pipe, link)); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	checkKind(t, pipe, Pipe)
	checkKind(t, link, Pipe)
	checkKind(t, socket, Socket)
}

// TestPipeMeanwhile: what is put in a file's place while it is opened holds up nobody.
func TestPipeMeanwhile(t *testing.T) {
	dir := t.TempDir()
	path, pipe, file := filepath.Join(dir, "path"), filepath.Join(dir, "pipe"), filepath.Join(dir, "file")
	if err := errors.Join(syscall.Mkfifo(pipe, 0o600), os.WriteFile(file, nil, 0o600), os.Symlink(file, path)); err != nil {
		t.Fatal(err)
	}
	stop, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				ended <- nil
				return
			default:
			}
			target := []string{pipe, file}[i%2]
			if err := errors.Join(os.Symlink(target, path+".new"), os.Rename(path+".new", path)); err != nil {
				ended <- err
				return
			}
		}
	}()
	for range 3000 {
		_, err := Read(path)
		if _, is := errors.AsType[*KindError](err); err != nil && !is {
			t.Fatal(err)
		}
	}
	close(stop)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}
