package plainfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestReadHanded: a pipe that was handed over is read by every path that leads to it, also by
// links on the way.
func TestReadHanded(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink(dir, filepath.Join(dir, "folder")); err != nil {
		t.Fatal(err)
	}
	for what, path := range map[string]func(fd string) string{
		"/proc":                       func(fd string) string { return "/proc/self/fd/" + fd },
		"/dev":                        func(fd string) string { return "/dev/fd/" + fd },
		"a link as /dev/stdin is one": func(fd string) string { return link(t, dir, "stdin", "/proc/self/fd/"+fd) },
		"a link to a link":            func(fd string) string { return link(t, dir, "twice", link(t, dir, "once", "/dev/fd/"+fd)) },
		"a relative link": func(fd string) string {
			link(t, dir, "aim", "/dev/fd/"+fd)
			return link(t, dir, "relative", "folder/aim")
		},
	} {
		fd := handed(t, "text")
		if text, err := ReadHanded(path(fd), time.Minute); err != nil || string(text) != "text" {
			t.Errorf("%s: %q, %v", what, text, err)
		}
	}
}

// TestReadHandedRefuses: a pipe that is silent, one that gives too much, a named one and links
// in a ring are errors; a file is read.
func TestReadHandedRefuses(t *testing.T) {
	dir := t.TempDir()
	if _, err := ReadHanded("/dev/fd/"+handed(t, strings.Repeat("x", maxHanded+1)), time.Minute); !errors.Is(err, ErrTooLong) {
		t.Errorf("too long: %v", err)
	}
	if text, err := ReadHanded("/dev/fd/"+handed(t, strings.Repeat("x", maxHanded)), time.Minute); err != nil || len(text) != maxHanded {
		t.Errorf("just not too long: %d, %v", len(text), err)
	}
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = out.Close(), in.Close() })
	if _, err := ReadHanded(fmt.Sprintf("/dev/fd/%d", out.Fd()), time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("silent: %v", err)
	}
	named := filepath.Join(dir, "named")
	if err := syscall.Mkfifo(named, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadHanded(link(t, dir, "to named", named), time.Minute); !strings.Contains(fmt.Sprint(err), string(Pipe)) {
		t.Errorf("named: %v", err)
	}
	if _, err := ReadHanded(link(t, dir, "ring", "ring"), time.Minute); !errors.Is(err, syscall.ELOOP) {
		t.Errorf("a ring: %v", err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if text, err := ReadHanded(link(t, dir, "to file", file), time.Minute); err != nil || string(text) != "text" {
		t.Errorf("a file: %q, %v", text, err)
	}
}

// handed is the descriptor of a pipe that gives a text and is closed.
func handed(t *testing.T, text string) string {
	t.Helper()
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = out.Close() })
	go func() {
		_, _ = in.WriteString(text)
		_ = in.Close()
	}()
	return fmt.Sprint(out.Fd())
}

func link(t *testing.T, dir, name, target string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
	return path
}
