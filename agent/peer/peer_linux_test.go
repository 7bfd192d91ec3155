package peer

import (
	"bufio"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

func TestOtherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("becoming another user needs root: run as root to test that another user is recognised")
	}
	program := publicCopy(t)
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		l := listener(t, address)
		cmd := exec.Command(program)
		cmd.Dir = "/"
		cmd.Env = []string{"PEER_TEST_DIAL=" + l.Addr().String()}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		stdin, err1 := cmd.StdinPipe()
		stdout, err2 := cmd.StdoutPipe()
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || line != "dialled\n" {
			t.Fatalf("%s: %q %v", address, line, err)
		}
		got, err := owner(accept(t, l))
		if err != nil || got.SamePerson() || got.Account().String() != "uid=65534" {
			t.Errorf("%s: %+v %v, want uid 65534", address, got, err)
		}
		stdin.Close()
		_ = cmd.Wait()
	}
}

// publicCopy copies the test program to where another user may run it.
func publicCopy(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.CreateTemp("", "peer-test-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(f.Name()) })
	if _, err := f.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Chmod(0o755); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}
