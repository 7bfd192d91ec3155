package winetest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// sockets is the part of wine that reads who owns a connection, for both architectures
// together where the system has it.
var sockets = []string{"/usr/lib/x86_64-linux-gnu/wine/x86_64-unix/nsiproxy.so", "/usr/lib/wine/x86_64-unix/nsiproxy.so", "/usr/lib64/wine/x86_64-unix/nsiproxy.so"}

// wine 8 reads /proc/net/tcp6 with the first: it skips seven columns after the state
// (%x), where five stand before the inode. The kernel's proc_net_tcp.rst names them:
// queues, timer, retransmits, uid, timeout. For /proc/net/tcp it is right.
const (
	wrongColumns = "%*u: %8x%8x%8x%8x:%hx %8x%8x%8x%8x:%hx %x %*s %*s %*s %*s %*s %*s %*s %d\x00"
	rightColumns = "%*u: %8x%8x%8x%8x:%hx %8x%8x%8x%8x:%hx %x %*s %*s %*s %*s %*s %d\x00"
)

// ErrOtherWine says that this wine's file is not the one that can be mended.
var ErrOtherWine = errors.New("wine's nsiproxy.so does not read /proc/net/tcp6 as wine 8 does, so that it cannot be mended: look whether this version tells who owns a connection over IPv6, and change internal/lab/winetest")

// mend returns wine's file with the right columns, as long as before.
func mend(file []byte) ([]byte, error) {
	if bytes.Count(file, []byte(wrongColumns)) != 1 {
		return nil, ErrOtherWine
	}
	right := make([]byte, len(wrongColumns)) // the rest stays zero, and is never read
	copy(right, rightColumns)
	return bytes.Replace(file, []byte(wrongColumns), right, 1), nil
}

// NewWithSockets is New with a network of its own, in which wine tells who owns a
// connection over IPv6, too: with a mended copy of its file in place of it, which nobody
// else sees. It needs root, and skips without. It is for a few connections: each lookup
// takes tens of milliseconds.
func NewWithSockets(t *testing.T, env ...string) *Wine {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("a network of its own and a mended file in place of wine's need root: run as root to test who owns a connection over IPv6")
	}
	w := prepare(t, env)
	folder := t.TempDir()
	t.Cleanup(func() { // after the end of the Windows, before the folder's
		if err := w.network.end(); err != nil {
			t.Error(err)
		}
	})
	var err error
	if w.network, err = isolateSockets(folder); err != nil {
		t.Fatal(err)
	}
	w.begin()
	return w
}

// isolateSockets makes a namespace of this system, but for the mended file.
func isolateSockets(folder string) (*namespace, error) {
	for _, path := range sockets {
		file, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		mended, err := mend(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		own := filepath.Join(folder, "nsiproxy.so")
		if err := os.WriteFile(own, mended, 0o644); err != nil {
			return nil, err
		}
		return start(nil, "ip link set lo up; mount -t proc proc /proc; mount --bind \"$1\" \"$2\"", own, path)
	}
	return nil, fmt.Errorf("%w: it is in none of %q", ErrOtherWine, sockets)
}

// Inside returns the command of a program of this system in the network of a Windows of
// NewWithSockets.
func (w *Wine) Inside(program string, args ...string) *exec.Cmd {
	return w.network.inside(w.t.Context(), os.Environ(), nil, append([]string{program}, args...)...)
}
