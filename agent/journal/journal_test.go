package journal

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

func open(t *testing.T, dir string) (*slog.Logger, string) {
	t.Helper()
	file := Open(dir, slog.New(slog.DiscardHandler))
	if err := file.Err(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	return slog.New(slog.NewTextHandler(file, nil)), file.File()
}

// Only the person can read it, whatever was there before, and it goes on from one
// start to the next.
func TestOpen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	log, path := open(t, dir)
	log.Info("first")
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	log, _ = open(t, dir)
	log.Info("second", "from outside", "a\nb\x1b[31m\u202e")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Split(strings.TrimSpace(string(text)), "\n"); len(lines) != 2 || strings.ContainsAny(string(text), "\x1b\u202e") {
		t.Errorf("%q", text)
	}
	info, err := os.Stat(path)
	if err != nil || !private(info.Mode(), 0o600) {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if info, err := os.Stat(dir); err != nil || !private(info.Mode(), 0o700) {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// Nothing is written to what is no regular file, and a missing folder is an error; both
// are reported once, also where many lines are lost, and again when it is written.
func TestNoFile(t *testing.T) {
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	if err := os.WriteFile(elsewhere, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		spoil func(dir string) error
		mend  func(dir string) error
	}{
		"a link": {
			func(dir string) error {
				return errors.Join(os.Mkdir(dir, 0o700), os.Symlink(elsewhere, filepath.Join(dir, Name)))
			},
			func(dir string) error { return os.Remove(filepath.Join(dir, Name)) },
		},
		"a file in the folder's place": {func(dir string) error { return os.WriteFile(dir, nil, 0o600) }, os.Remove},
	} {
		if name == "a link" && runtime.GOOS == "windows" {
			continue // which only administrators make there
		}
		dir := filepath.Join(t.TempDir(), "state")
		if err := c.spoil(dir); err != nil {
			t.Fatal(err)
		}
		var aside bytes.Buffer
		file := Open(dir, slog.New(slog.NewTextHandler(&aside, nil)))
		log := slog.New(slog.NewTextHandler(file, nil))
		log.Info("lost")
		log.Info("lost")
		if err := file.Err(); Reason(err) != Refused || Reason(Check(dir)) != Refused || strings.Count(aside.String(), "level=WARN") != 1 {
			t.Errorf("%s: %v, %v, %s", name, err, Check(dir), aside.String())
		}
		if err := c.mend(dir); err != nil {
			t.Fatal(err)
		}
		log.Info("found")
		text, err := os.ReadFile(file.File())
		if lines := strings.Split(string(text), "\n"); err != nil || len(lines) != 3 || !strings.Contains(lines[0], "lines=2") || !strings.Contains(lines[1], "msg=found") {
			t.Errorf("%s: %v %q", name, err, text)
		}
		if err := errors.Join(file.Err(), Check(dir), file.Close()); err != nil || strings.Count(aside.String(), "again") != 1 {
			t.Errorf("%s: %v, %s", name, err, aside.String())
		}
	}
	if text, err := os.ReadFile(elsewhere); err != nil || len(text) > 0 {
		t.Errorf("a link was followed: %q %v", text, err)
	}
}

// private reports the mode. Windows has none: there the access list of the person's folder
// keeps others out.
func private(got, want os.FileMode) bool { return runtime.GOOS == "windows" || got.Perm() == want }

// However much is logged, it stays bounded.
func TestBounded(t *testing.T) {
	dir := t.TempDir()
	log, _ := open(t, dir)
	line := strings.Repeat("x", 64<<10)
	for range 6 * maxMegabytes << 20 / len(line) {
		log.Info(line)
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		files, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		size, modes := int64(0), os.FileMode(0)
		for _, f := range files {
			if info, err := f.Info(); err == nil {
				size, modes = size+info.Size(), modes|info.Mode().Perm()
			} else if !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
		}
		if len(files) == 1+maxOld && size <= (1+maxOld)*maxMegabytes<<20 && private(modes, 0o600) {
			return // old files are removed in the background
		} else if time.Now().After(end) {
			t.Fatalf("%d files of %d bytes together, %v", len(files), size, modes)
		}
	}
}
