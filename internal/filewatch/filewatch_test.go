package filewatch

import (
	"os"
	"path/filepath"
	"testing"
)

// A file that is replaced notifies, in a folder that was not there yet; another
// file in the same folder does not.
func TestWatch(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	file, other := filepath.Join(dir, "watched"), filepath.Join(dir, "other")
	changes := make(chan struct{}, 100)
	go func() {
		if err := Watch(t.Context(), []string{file}, func() { changes <- struct{}{} }); err != nil {
			t.Error(err)
		}
	}()
	<-changes // the watch has begun
	replace := func(path string) {
		temporary := filepath.Join(filepath.Dir(dir), "new")
		if err := os.WriteFile(temporary, []byte("TEST"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(temporary, path); err != nil {
			t.Fatal(err)
		}
	}
	replace(other)
	replace(file)
	<-changes
	if n := len(changes); n != 0 {
		t.Errorf("%d changes more than one", n)
	}
}

// A folder that cannot be made is an error.
func TestWatchNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Watch(t.Context(), []string{filepath.Join(file, "below", "a")}, func() {}); err == nil {
		t.Error("a file was taken for a folder")
	}
}
