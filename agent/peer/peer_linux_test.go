package peer

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// TestMain lets the test program be the other user's process: it dials the
// address in its environment, reports that, and ends when its input does.
func TestMain(m *testing.M) {
	if address := os.Getenv("PEER_TEST_DIAL"); address != "" {
		c, err := net.Dial("tcp", address)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		if err := hold(c, os.Getenv("PEER_TEST_HOW")); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("dialled")
		_, _ = os.Stdin.Read(make([]byte, 1))
		c.Close()
		os.Exit(0)
	}
	if os.Getenv(checkRole) != "" {
		if reason := Reason(Check()); reason != "" {
			fmt.Println(reason)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func listener(t *testing.T, address string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func owner(c net.Conn) (Identity, error) {
	return Owner(c.LocalAddr().(*net.TCPAddr).AddrPort(), c.RemoteAddr().(*net.TCPAddr).AddrPort())
}

func accept(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// TestClosedPeer: a peer that has closed would be reported as uid 0.
func TestClosedPeer(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		l := listener(t, address)
		dialled, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		accepted := accept(t, l)
		dialled.Close()
		_, _ = accepted.Read(make([]byte, 1)) // returns when the close has arrived
		if got, err := owner(accepted); err == nil {
			t.Errorf("%s: a closed peer is %+v", address, got)
		}
	}
}

// TestSamePorts: another pair of addresses with the same ports is not mistaken
// for the connection.
func TestSamePorts(t *testing.T) {
	l := listener(t, "127.0.0.1:0")
	dialled, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer dialled.Close()
	accepted := accept(t, l)
	remote := accepted.RemoteAddr().(*net.TCPAddr).AddrPort()
	elsewhere := net.TCPAddr{IP: net.IPv4(127, 0, 0, 2), Port: int(remote.Port())}
	if got, err := Owner(accepted.LocalAddr().(*net.TCPAddr).AddrPort(), elsewhere.AddrPort()); err == nil {
		t.Errorf("an address that nobody uses is %+v", got)
	}
}

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
