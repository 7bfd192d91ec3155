package programfile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	next := path + ".new"
	if err := os.WriteFile(next, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, path); err != nil {
		t.Fatal(err)
	}
}

// TestChanged: what a process was started from, and what its file became.
func TestChanged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "program")
	write(t, path, "one cpx-bridge-version=0.1.0;")
	image := filepath.Join(t.TempDir(), "image") // as /proc/self/exe: it leads to the file of before
	if err := os.Link(path, image); err != nil {
		t.Fatal(err)
	}
	f, err := open(path, image)
	if err != nil {
		t.Fatal(err)
	}
	expect := func(want Change, wantChanged bool) {
		t.Helper()
		for range 2 { // also where nothing is read a second time
			if got, changed := f.Changed(); got != want || changed != wantChanged {
				t.Errorf("%+v %v, want %+v %v", got, changed, want, wantChanged)
			}
		}
	}
	expect(Change{}, false)
	write(t, path, "two cpx-bridge-version=0.2.0;")
	expect(Change{Version: "0.2.0"}, true)
	write(t, path, "one cpx-bridge-version=0.1.0;") // a repair: the same bytes
	expect(Change{}, false)
	write(t, path, "six")
	expect(Change{}, true)
	if err := os.WriteFile(path, []byte("cpx-bridge-version=0.3.0-dev+abc;"), 0o755); err != nil { // written in place
		t.Fatal(err)
	}
	expect(Change{Version: "0.3.0-dev+abc"}, true)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	expect(Change{Removed: true}, true)
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	expect(Change{}, true)
}

// TestWithoutImage: where nothing leads to what runs, another file is another program.
func TestWithoutImage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "program")
	write(t, path, "cpx-bridge-version=0.1.0;")
	f, err := At(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, changed := f.Changed(); changed {
		t.Errorf("%+v", got)
	}
	if err := os.Rename(path, path+".old"); err != nil { // as on Windows, where it runs on
		t.Fatal(err)
	}
	write(t, path, "cpx-bridge-version=0.2.0;")
	if got, changed := f.Changed(); !changed || got.Version != "0.2.0" {
		t.Errorf("%+v %v", got, changed)
	}
}

// TestOwn: this program is its own file.
func TestOwn(t *testing.T) {
	f, err := Own()
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil || f.Path() != self {
		t.Errorf("%s, want %s, %v", f.Path(), self, err)
	}
	if got, changed := f.Changed(); changed {
		t.Errorf("%+v", got)
	}
}

// TestVersionOf: the mark is found wherever it stands in a file, and is nothing but a version.
func TestVersionOf(t *testing.T) {
	path := filepath.Join(t.TempDir(), "program")
	const good = "cpx-bridge-version=1.2.3-dev+0123456789ab;"
	for _, before := range []int{0, 1, chunk - len(good), chunk - 1, chunk, chunk + longest - 1, chunk + longest - len(good)/2, chunk + longest, 3 * chunk} {
		write(t, path, strings.Repeat("\x00", before)+good+strings.Repeat("x", 100))
		if got := VersionOf(path); got != "1.2.3-dev+0123456789ab" {
			t.Errorf("after %d bytes: %q", before, got)
		}
	}
	for _, bad := range []string{"", "cpx-bridge-version=", "cpx-bridge-version=;", "cpx-bridge-version=1.2.3", "cpx-bridge-version=1.2\n3;", "cpx-bridge-version=dev;",
		"cpx-bridge-version=1.2.3 <b>;", "cpx-bridge-version=1" + strings.Repeat("1", 1000) + ";"} {
		write(t, path, bad)
		if got := VersionOf(path); got != "" {
			t.Errorf("%.40q: %q", bad, got)
		}
	}
	if got := VersionOf(path + ".none"); got != "" {
		t.Error(got)
	}
	if got := VersionOf(t.TempDir()); got != "" {
		t.Error(got)
	}
}

func TestVersion(t *testing.T) {
	for text, want := range map[string]string{"": "dev", "cpx-bridge-version=0.1.0;": "0.1.0", "cpx-bridge-version=0.1.0; ": "dev", "0.1.0": "dev"} {
		if got := Version(text, "dev"); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}
