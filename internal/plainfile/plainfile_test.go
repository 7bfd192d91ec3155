package plainfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestRead: a regular file is read, what is missing is said so, and a folder or a device
// is refused by name.
func TestRead(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if err := os.WriteFile(path, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if text, err := Read(path); err != nil || string(text) != "text" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := Read(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	checkKind(t, dir, Folder)
	checkKind(t, os.DevNull, Device)
}

func checkKind(t *testing.T, path string, want Kind) {
	t.Helper()
	_, err := Read(path)
	if e, is := errors.AsType[*KindError](err); !is || e.Kind != want || e.Path != path {
		t.Errorf("%s: %v, want %s", path, err, want)
	}
}
