package testdesktop

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// Nobody is a real second account on every Debian and Ubuntu.
const Nobody = 65534

// PublicCopy puts the test's own program where another user may run it.
func PublicCopy(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.CreateTemp("", "other-user-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(f.Name()) })
	_, err = f.Write(text)
	if err := errors.Join(err, f.Chmod(0o755), f.Close()); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}

// As is a program as another user runs it, which only root can start.
func As(program string, uid uint32, env ...string) *exec.Cmd {
	cmd := exec.Command(program)
	cmd.Dir, cmd.Env = "/", append(env, "GORACE=atexit_sleep_ms=0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	return cmd
}
