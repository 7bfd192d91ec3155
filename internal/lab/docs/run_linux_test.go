package docs

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gofrs/flock"
)

// TestRunScript: what would end in an error later is said before anything is installed
// or built, and nothing is where one runs already.
func TestRunScript(t *testing.T) {
	script, err := os.ReadFile(filepath.Join(root, "scripts", "run"))
	if err != nil {
		t.Fatal(err)
	}
	const goesOn = "setup run\nbuild ./internal/lab/stack/run\nrun\n"
	for name, c := range map[string]struct {
		machine func(t *testing.T, m machine, folder string)
		env     []string
		fails   bool
		says    string
		steps   string
	}{
		"all good":     {nil, nil, false, "", goesOn},
		"under sudo":   {func(_ *testing.T, m machine, _ string) { m.has("id", "echo 0") }, []string{"SUDO_UID=1000"}, true, "Without sudo, please", ""},
		"root itself":  {func(_ *testing.T, m machine, _ string) { m.has("id", "echo 0") }, nil, false, "", goesOn},
		"on a Mac":     {func(_ *testing.T, m machine, _ string) { m.has("uname", "echo Darwin") }, nil, true, "runs on Linux", ""},
		"another runs": {func(t *testing.T, _ machine, folder string) { holdNote(t, folder) }, nil, false, "CPx Bridge is already running at http://localhost:1\n", ""},
		"one has run":  {func(t *testing.T, _ machine, folder string) { holdNote(t, folder)() }, nil, false, "", goesOn},
		"not writable": {func(_ *testing.T, m machine, _ string) { m.has("stat", "echo somebody") }, []string{"READ_ONLY=."}, true, "which belongs to somebody.\nClone into a folder of your own", ""},
		"after sudo":   {func(_ *testing.T, m machine, _ string) { m.has("stat", "echo root") }, []string{"READ_ONLY=build/bin"}, true, "sudo rm -rf", ""},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			for _, program := range []string{"flock", "realpath", "true"} {
				path, err := exec.LookPath(program)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.Symlink(path, filepath.Join(m.bin, program)); err != nil {
					t.Fatal(err)
				}
			}
			folder := t.TempDir()
			if err := errors.Join(os.Mkdir(filepath.Join(folder, "scripts"), 0o700), os.MkdirAll(filepath.Join(folder, "build", "bin"), 0o700)); err != nil {
				t.Fatal(err)
			}
			step := "#!/bin/sh\necho ${0##*/} \"$@\" | sed 's/ *$//' >>\"$INSTALLS\"\n"
			for file, text := range map[string]string{
				// root may write everywhere: what may not be written is named instead.
				"scripts/run":   strings.Replace(string(script), `[ ! -w "$folder" ]`, `[ "$folder" = "${READ_ONLY:-}" ]`, 1),
				"scripts/setup": step, "scripts/build": step, "build/bin/run": step,
			} {
				if err := os.WriteFile(filepath.Join(folder, file), []byte(text), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			if c.machine != nil {
				c.machine(t, m, folder)
			}
			cmd := exec.CommandContext(t.Context(), filepath.Join(folder, "scripts", "run"))
			cmd.Env = append([]string{"PATH=" + m.bin, "HOME=" + folder, "INSTALLS=" + m.installs}, c.env...)
			out, err := cmd.CombinedOutput()
			steps, _ := os.ReadFile(m.installs) // none where nothing was begun
			if (err != nil) != c.fails || !strings.Contains(string(out), c.says) || string(steps) != c.steps {
				t.Errorf("%v, steps %q\n%s", err, steps, out)
			}
		})
	}
}

// holdNote does as a `make run` does that runs, until what it returns is called.
func holdNote(t *testing.T, home string) (release func()) {
	t.Helper()
	note := filepath.Join(home, ".cache", "cpx-bridge", "running")
	if err := os.MkdirAll(filepath.Dir(note), 0o700); err != nil {
		t.Fatal(err)
	}
	lock := flock.New(note)
	if acquired, err := lock.TryLock(); err != nil || !acquired {
		t.Fatal(acquired, err)
	}
	if err := os.WriteFile(note, []byte("CPx Bridge is already running at http://localhost:1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	release = func() { _ = lock.Unlock() }
	t.Cleanup(release)
	return release
}
