package e2e

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
)

// started starts `make run` and returns what it announces.
func started(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var announced strings.Builder
	lines := cmdLines(t, cmd, &announced)
	for !strings.Contains(announced.String(), "Ctrl-C") && lines() {
	}
	return announced.String()
}

// TestRunSecond: a second `make run`, from whichever folder, says where the first one is
// and how to log in there, and is no error; the address is the same each time that its
// port is free; and what was killed leaves nothing behind that is in the way.
func TestRunSecond(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	home := t.TempDir()
	environment := []string{"DISPLAY=", "XDG_RUNTIME_DIR=" + t.TempDir(), "HOME=" + home, "CPX_PORT=" + port}
	usual := "http://localhost:" + port

	first, _ := makeRun(t, environment...)
	announced := started(t, first)
	if address := addressLine.FindString(announced); address == "" || address == usual || !strings.Contains(announced, "Port "+port+" is taken by another program") {
		t.Errorf("a port that is taken: %q", announced)
	}
	ended(t, first, syscall.SIGINT)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}

	var dir string
	first, dir = makeRun(t, environment...)
	if announced := started(t, first); !strings.Contains(announced, usual+"\n") || strings.Contains(announced, "taken") {
		t.Errorf("a free port: %q", announced)
	}
	elsewhere, _ := makeRun(t, environment...)
	same, _ := makeRun(t, environment...)
	same.Dir = dir
	for where, second := range map[string]*exec.Cmd{"the same folder": same, "another folder": elsewhere} {
		out, err := second.CombinedOutput()
		said := string(out)
		if err != nil || !strings.HasPrefix(said, "CPx Bridge is already running at "+usual+"\n") || !strings.Contains(said, stack.Password) || !strings.Contains(said, dir+" (process "+strconv.Itoa(first.Process.Pid)+")") {
			t.Errorf("%s: %v, %s", where, err, said)
		}
	}
	ended(t, first, syscall.SIGKILL)
	if err := os.Remove(filepath.Join(dir, "build", "run", "account")); err != nil { // as one that was killed just before it
		t.Fatal(err)
	}

	first, _ = makeRun(t, environment...)
	first.Dir = dir
	if announced := started(t, first); !strings.Contains(announced, usual+"\n") {
		t.Errorf("after one that was killed: %q", announced)
	}
	ended(t, first, syscall.SIGINT)
	if said, err := os.ReadFile(filepath.Join(home, ".cache", "cpx-bridge", "running")); err != nil || len(said) > 0 {
		t.Errorf("what stands there once it has ended: %v, %s", err, said)
	}
}

// ended ends a program, and waits for it.
func ended(t *testing.T, cmd *exec.Cmd, signal syscall.Signal) {
	t.Helper()
	if err := cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); (err != nil) != (signal == syscall.SIGKILL) {
		t.Errorf("%v: %v", signal, err)
	}
}
