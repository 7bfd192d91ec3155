package testdesktop

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// Nobody is the id of "nobody", another user on every Debian and Ubuntu.
const Nobody = 65534

// PublicCopy copies the test's own program to where another user may run it, and
// returns its path.
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

// As is a program's command under another user's id, which only root can start.
func As(program string, uid uint32, env ...string) *exec.Cmd {
	cmd := exec.Command(program)
	cmd.Dir, cmd.Env = "/", append(env, "GORACE=atexit_sleep_ms=0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	return cmd
}
