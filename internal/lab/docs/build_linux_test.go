package docs

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestBuildScript: whoever waits for a build has read before what it does and how long that
// usually takes, the first time and later.
func TestBuildScript(t *testing.T) {
	script, err := os.ReadFile(filepath.Join(root, "scripts", "build"))
	if err != nil {
		t.Fatal(err)
	}
	const first, later, small = "-- building the programs: usually 2 to 5 minutes", "-- building what has changed: usually seconds", "   ONLY 3 MB are free"
	for name, c := range map[string]struct {
		outdated, free int
		says           []string
		never          string
	}{
		"the first time":       {300, 9000, []string{first, "   built in "}, later},
		"modules are missing":  {0, 9000, []string{first}, later},
		"a disk that is small": {300, 3, []string{first, small}, later},
		"one file has changed": {4, 9000, []string{later}, first},
	} {
		m := newMachine(t)
		for _, program := range []string{"grep", "awk", "mkdir"} {
			path, err := exec.LookPath(program)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(path, filepath.Join(m.bin, program)); err != nil {
				t.Fatal(err)
			}
		}
		m.has("df", fmt.Sprintf(`printf 'x\nx 1 1 %d x\n'`, c.free))
		m.has("go", fmt.Sprintf(`case "$1" in
list) i=0; while [ $i -lt %d ]; do echo x; i=$((i + 1)); done ;;
env) echo / ;;
build) echo "-- the compiler" >&2 ;;
esac`, c.outdated))
		folder := t.TempDir()
		if err := os.Mkdir(filepath.Join(folder, "scripts"), 0o700); err != nil {
			t.Fatal(err)
		}
		err := os.WriteFile(filepath.Join(folder, "scripts", "build"), script, 0o700)
		for _, step := range []string{"setup", "version"} {
			err = errors.Join(err, os.WriteFile(filepath.Join(folder, "scripts", step), []byte("#!/bin/sh\n"), 0o700))
		}
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), filepath.Join(folder, "scripts", "build"))
		cmd.Env = []string{"PATH=" + m.bin, "HOME=" + folder}
		out, err := cmd.CombinedOutput()
		said := string(out)
		before, _, began := strings.Cut(said, "-- the compiler")
		if err != nil || !began || strings.Contains(said, c.never) || !strings.Contains(before, c.says[0]) {
			t.Errorf("%s: %v\n%s", name, err, said)
		}
		for _, text := range c.says {
			if !strings.Contains(said, text) {
				t.Errorf("%s: %q is not in\n%s", name, text, said)
			}
		}
	}
}
