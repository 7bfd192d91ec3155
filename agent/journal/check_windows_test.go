package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/windows"
)

// TestCheckOnWindows: what keeps a log from being written is found before anything is,
// and nothing is changed by looking.
func TestCheckOnWindows(t *testing.T) {
	// Not a folder of the test's, which wine 8 cannot remove.
	base := filepath.Join(os.TempDir(), fmt.Sprint("journal-test-", os.Getpid()))
	for name, c := range map[string]struct {
		make func(dir string) error
		want string
	}{
		"no folder yet":         {func(string) error { return nil }, ""},
		"an empty folder":       {func(dir string) error { return os.MkdirAll(dir, 0o700) }, ""},
		"with files":            {files(0o600, 0o600), ""},
		"a log read only":       {files(0o400, 0o600), Refused},
		"an audit log, ditto":   {files(0o600, 0o400), AuditRefused},
		"a file for the folder": {func(dir string) error { return os.WriteFile(dir, nil, 0o600) }, Refused},
		"a folder for the log":  {func(dir string) error { return os.MkdirAll(filepath.Join(dir, Name), 0o700) }, Refused},
	} {
		dir := filepath.Join(base, name)
		if err := errors.Join(os.MkdirAll(base, 0o700), c.make(dir)); err != nil {
			t.Fatal(name, err)
		}
		before, _ := os.ReadDir(dir)
		if err := Check(dir); Reason(err) != c.want {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if after, _ := os.ReadDir(dir); len(after) != len(before) {
			t.Errorf("%s: %v was %v", name, after, before)
		}
	}
}

func files(log, audit os.FileMode) func(dir string) error {
	return func(dir string) error {
		return errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, Name), []byte("x"), log), os.WriteFile(filepath.Join(dir, AuditName), []byte("x"), audit))
	}
}

// TestCheckFullDisk: a full disk is played; a real one is not full.
func TestCheckFullDisk(t *testing.T) {
	if free, err := freeSpace(os.TempDir()); err != nil || free < least {
		t.Fatal(free, err)
	}
	real := freeSpace
	defer func() { freeSpace = real }()
	for free, want := range map[uint64]string{0: Full, least - 1: Full, least: ""} {
		freeSpace = func(string) (uint64, error) { return free, nil }
		if err := Check(os.TempDir()); Reason(err) != want {
			t.Errorf("%d bytes: %v", free, err)
		}
	}
	freeSpace = func(string) (uint64, error) { return 0, windows.ERROR_NOT_SUPPORTED }
	if err := Check(os.TempDir()); err != nil {
		t.Error(err)
	}
}
