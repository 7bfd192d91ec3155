package atomicfile

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
)

// folder is a temporary folder. t.TempDir would fail in wine, which cannot remove
// a folder its way.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "atomicfile")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func mustWrite(t *testing.T, path, content string, o Options) {
	t.Helper()
	if err := Write(path, []byte(content), o); err != nil {
		t.Fatal(err)
	}
}

// expect fails unless the folder holds exactly this file with this content, and
// nothing half written.
func expect(t *testing.T, path, content string) {
	t.Helper()
	got, err := Read(path)
	if err != nil || string(got) != content {
		t.Errorf("%s holds %q, %v; want %q", path, got, err, content)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("the folder holds %v, %v", entries, err)
	}
}

func TestWrite(t *testing.T) {
	path := filepath.Join(folder(t), "value.json")
	mustWrite(t, path, "one", Options{})
	expect(t, path, "one")
	mustWrite(t, path, "a second, longer one", Options{})
	expect(t, path, "a second, longer one")
	mustWrite(t, path, "", Options{})
	expect(t, path, "")
}

// A name without a folder is in the current folder, not in the system's for
// temporary files.
func TestWriteHere(t *testing.T) {
	t.Chdir(folder(t))
	t.Setenv("TMPDIR", filepath.Join(folder(t), "missing"))
	mustWrite(t, "value.json", "one", Options{})
	expect(t, "value.json", "one")
}

// The content is on the disk before it gets the name, and a disk's failure changes
// nothing.
func TestSynced(t *testing.T) {
	path := filepath.Join(folder(t), "value.json")
	mustWrite(t, path, "one", Options{})
	synced := false
	watch := Options{sync: func(f *os.File) error {
		synced = true
		expectOnDisk(t, path, "one")
		expectOnDisk(t, f.Name(), "two")
		return f.Sync()
	}}
	mustWrite(t, path, "two", watch)
	if !synced {
		t.Error("renamed without having been synced")
	}
	expect(t, path, "two")
	full := errors.New("the disk is full")
	if err := Write(path, []byte("three"), Options{sync: func(*os.File) error { return full }}); !errors.Is(err, full) {
		t.Errorf("a disk that fails: %v", err)
	}
	expect(t, path, "two")
}

func expectOnDisk(t *testing.T, path, content string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != content {
		t.Errorf("while it is synced, %s holds %q, %v; want %q", filepath.Base(path), got, err, content)
	}
}

func TestMode(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes are those of POSIX")
	}
	like := filepath.Join(folder(t), "like")
	if err := errors.Join(os.WriteFile(like, nil, 0o600), os.Chmod(like, 0o640)); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(like)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		options Options
		want    fs.FileMode
	}{
		"by itself":    {Options{}, 0o600},
		"asked for":    {Options{Mode: 0o666}, 0o666}, // whatever the umask
		"like another": {Options{Mode: 0o600, Like: info}, 0o640},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(folder(t), "value.json")
			for range 2 { // a new file, and one that is replaced
				mustWrite(t, path, "one", c.options)
				if info, err := os.Stat(path); err != nil || info.Mode() != c.want {
					t.Errorf("mode %v, %v, want %v", info.Mode(), err, c.want)
				}
			}
		})
	}
}

// In the file's own folder nothing else ever appears.
func TestScratch(t *testing.T) {
	root := folder(t)
	dir, scratch := filepath.Join(root, "watched"), filepath.Join(root, "scratch")
	if err := errors.Join(os.Mkdir(dir, 0o700), os.Mkdir(scratch, 0o700)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "policy.json")
	mustWrite(t, path, "one", Options{Scratch: scratch, sync: func(f *os.File) error {
		if filepath.Dir(f.Name()) != scratch {
			t.Errorf("written as %s", f.Name())
		}
		return nil
	}})
	expect(t, path, "one")
	if rest, err := os.ReadDir(scratch); err != nil || len(rest) > 0 {
		t.Errorf("the scratch folder still holds %v, %v", rest, err)
	}
}

func TestNoFolder(t *testing.T) {
	path := filepath.Join(folder(t), "missing", "value.json")
	if err := Write(path, nil, Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a folder: %v", err)
	}
	if _, err := Read(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that does not exist: %v", err)
	}
}

// TestWhole: a reader among writers reads one of the contents, whole.
func TestWhole(t *testing.T) {
	path := filepath.Join(folder(t), "value.json")
	contents := [][]byte{bytes.Repeat([]byte("a"), 10_000), bytes.Repeat([]byte("b"), 20_000)}
	mustWrite(t, path, string(contents[0]), Options{})
	var all sync.WaitGroup
	for _, content := range contents {
		all.Go(func() {
			for range 50 {
				if err := Write(path, content, Options{}); err != nil {
					t.Errorf("write: %v", err)
				}
			}
		})
		all.Go(func() {
			for range 50 {
				got, err := Read(path)
				if err != nil || !bytes.Equal(got, contents[0]) && !bytes.Equal(got, contents[1]) {
					t.Errorf("%d bytes, %v", len(got), err)
				}
			}
		})
	}
	all.Wait()
}
