package everyone

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

// TestMain plays the program too, in a copy that bears its name: it runs until its input
// ends, and whoever asks it to quit gets nothing of it.
func TestMain(m *testing.M) {
	if !strings.EqualFold(filepath.Base(os.Args[0]), withConsole) {
		os.Exit(m.Run())
	}
	if len(os.Args) > 2 && os.Args[1] == "where" {
		writesWhere(os.Args[2])
	}
	if len(os.Args) > 1 && os.Args[1] == "run" {
		_, _ = os.Stdout.WriteString("runs\n")
		_, _ = io.Copy(io.Discard, os.Stdin)
	}
}

// writesWhere writes where the program stands: its session and its desktop.
func writesWhere(path string) {
	var session uint32
	_ = windows.ProcessIdToSessionId(uint32(os.Getpid()), &session)
	var info windows.StartupInfo
	windows.GetStartupInfo(&info)
	_ = os.WriteFile(path, fmt.Appendf(nil, "%d %s", session, windows.UTF16PtrToString(info.Desktop)), 0o600)
}

// program copies this test into a folder, as the program.
func program(t *testing.T, dir string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(self)
	path := filepath.Join(dir, withConsole)
	if err := errors.Join(err, os.WriteFile(path, text, 0o755)); err != nil {
		t.Fatal(err)
	}
	return path
}

// runs starts it, and returns once it runs.
func runs(t *testing.T, path string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(path, "run")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := cmd.StdinPipe()
	if err := errors.Join(err, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	if _, err := out.Read(make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// TestQuitWindows: a process of this folder's program that does not end when it is asked is
// ended by force, one of another folder goes on, and none is no error.
func TestQuitWindows(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := program(t, filepath.Dir(self))
	t.Cleanup(func() { _ = os.Remove(path) })
	elsewhere, err := os.MkdirTemp("", "everyone-") // wine 8 removes no folder of a TempDir
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(elsewhere) })
	ours, foreign := runs(t, path), runs(t, program(t, elsewhere))
	o, err := Quit(t.Context(), 2*time.Second)
	if err != nil || !slices.Equal(o.Forced, []int{ours.Process.Pid}) || len(o.Ended) > 0 || len(o.GoOn) > 0 {
		t.Errorf("%v, %+v, want process %d by force", err, o, ours.Process.Pid)
	}
	if err := foreign.Process.Signal(os.Interrupt); errors.Is(err, os.ErrProcessDone) {
		t.Error("a program of another folder was ended")
	}
	if o, err := Quit(context.Background(), time.Second); err != nil || len(o.Ended)+len(o.Forced)+len(o.GoOn) > 0 {
		t.Errorf("where none runs: %v, %+v", err, o)
	}
}

// TestStartsInASession: what is started in a session is there and on the person's own desktop,
// with its arguments whole, and its end is awaited.
func TestStartsInASession(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := program(t, filepath.Dir(self))
	t.Cleanup(func() { _ = os.Remove(path) })
	written := filepath.Join(filepath.Dir(self), "written by it.txt")
	t.Cleanup(func() { _ = os.Remove(written) })
	var session uint32
	if err := windows.ProcessIdToSessionId(uint32(os.Getpid()), &session); err != nil {
		t.Fatal(err)
	}
	p, err := startIn(session, withConsole, "where", written)
	if err != nil {
		t.Fatal(err)
	}
	if !p.await(t.Context()) {
		t.Fatal("it does not end")
	}
	text, err := os.ReadFile(written)
	if want := fmt.Sprintf(`%d winsta0\default`, session); err != nil || string(text) != want {
		t.Errorf("%v, %q, want %q", err, text, want)
	}
}

// TestRemembers: what is kept is there once, replaces what was kept before, and leaves no key
// behind; a key of others' within ours stays.
func TestRemembers(t *testing.T) {
	var m registryMemory
	exists := func(path string) bool {
		key, err := registry.OpenKey(registry.LOCAL_MACHINE, path, registry.QUERY_VALUE|registry.WOW64_64KEY)
		if err == nil {
			_ = key.Close()
		}
		return err == nil
	}
	if exists(ownKey) {
		t.Fatal("it is not this test's alone")
	}
	for _, names := range [][]string{{"1", "2"}, {"3"}} {
		if err := m.store(names); err != nil {
			t.Fatal(err)
		}
	}
	if names, err := m.drain(); err != nil || !slices.Equal(names, []string{"3"}) || exists(ownKey) {
		t.Errorf("%q, %v; a key stays: %v", names, err, exists(ownKey))
	}
	if names, err := m.drain(); err != nil || names != nil || m.store(nil) != nil || exists(ownKey) {
		t.Errorf("of nothing: %q, %v; a key stays: %v", names, err, exists(ownKey))
	}
	settings, _, err := registry.CreateKey(registry.LOCAL_MACHINE, ownKey+`\Settings`, registry.SET_VALUE|registry.WOW64_64KEY)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = settings.Close()
		_ = registry.DeleteKey(registry.LOCAL_MACHINE, ownKey+`\Settings`)
		_ = registry.DeleteKey(registry.LOCAL_MACHINE, ownKey)
	})
	if err := m.store([]string{"1"}); err != nil {
		t.Fatal(err)
	}
	if err := Forget(); err != nil || exists(ownKey+`\`+resumeName) || !exists(ownKey+`\Settings`) {
		t.Errorf("forgotten: %v; it stays: %v; the settings stay: %v", err, exists(ownKey+`\`+resumeName), exists(ownKey+`\Settings`))
	}
}
