package programname

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// TestMain: as another program this test's own ends when its input does.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "programname.test" || len(os.Args) > 1 {
		os.Exit(m.Run())
	}
	_, _ = os.Stdout.WriteString("+")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// world is a machine's entries and programs in a folder of root's, or where the test does
// not run as root in one that passes for it.
type world struct {
	*testing.T
	folder string
	finder
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, folder: t.TempDir()}
	for folder := w.folder; folder != os.TempDir() && folder != "/"; folder = filepath.Dir(folder) {
		w.must(os.Chmod(folder, 0o755))
	}
	w.system = system{
		folders: []string{w.path("local/applications"), w.path("share/applications"), w.path("snapd/applications"), w.path("flatpak/exports")},
		search:  []string{w.path("bin")}, flatpak: w.path("flatpak"), snaps: []string{w.path("snap")}, check: installed.check, open: os.Open,
	}
	if os.Getuid() != 0 {
		w.check = func(path string) error { _, err := os.Stat(path); return err }
	}
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) path(name string) string { return filepath.Join(w.folder, name) }

// write makes a file, with its folders.
func (w *world) write(name, content string, mode os.FileMode) string {
	w.Helper()
	w.must(os.MkdirAll(filepath.Dir(w.path(name)), 0o755))
	w.must(os.WriteFile(w.path(name), []byte(content), mode))
	return w.path(name)
}

// program makes a program, a copy of this test's.
func (w *world) program(name string) string {
	w.Helper()
	content, err := os.ReadFile("/proc/self/exe")
	w.must(err)
	return w.write(name, string(content), 0o755)
}

// entry makes a browser's entry.
func (w *world) entry(name, called, exec, more string) string {
	return w.write(name, "[Desktop Entry]\nType=Application\nCategories=WebBrowser;\nName="+called+"\nExec="+exec+"\n"+more, 0o644)
}

// named is how a person reads a file that runs.
func (w *world) named(f File) string {
	return w.of(w.Context(), []File{f}).Text("en")
}

// fileAt is the file at a path.
func fileAt(path string) File { return File{path, identify(unix.AT_FDCWD, path)} }

// running starts a command, and is what its process runs once it does.
func (w *world) running(cmd *exec.Cmd) File {
	w.Helper()
	in, err := cmd.StdinPipe()
	w.must(err)
	out, err := cmd.StdoutPipe()
	w.must(err)
	cmd.Stderr = os.Stderr
	w.must(cmd.Start())
	w.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	if _, err := io.ReadFull(out, make([]byte, 1)); err != nil {
		w.Fatal(err)
	}
	return w.runs(cmd)
}

// runs is what a command's process runs now.
func (w *world) runs(cmd *exec.Cmd) File {
	w.Helper()
	process, err := unix.Open(filepath.Join("/proc", strconv.Itoa(cmd.Process.Pid)), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	w.must(err)
	defer func() { _ = unix.Close(process) }()
	f, ok := Running(process)
	if !ok {
		w.Fatal("what runs cannot be read")
	}
	return f
}
