//go:build linux || windows

package peer

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"testing"
)

// checkRole makes the test program print what Check finds.
const checkRole = "PEER_TEST_CHECK"

// serveRole makes it say of each connection whose it is.
const serveRole = "PEER_TEST_SERVE"

// TestMain lets the test program be another process: it dials the
// address in its environment, reports that, and ends when its input does.
func TestMain(m *testing.M) {
	if address := os.Getenv("PEER_TEST_DIAL"); address != "" {
		release, err := dialAs(address, os.Getenv("PEER_TEST_HOW"))
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("dialled")
		_, _ = os.Stdin.Read(make([]byte, 1))
		release()
		os.Exit(0)
	}
	if os.Getenv(serveRole) != "" {
		serve()
		os.Exit(0)
	}
	if os.Getenv(checkRole) != "" {
		err := Check()
		switch reason := Reason(err); {
		case reason != "":
			fmt.Println(reason)
		case err != nil:
			fmt.Println(err)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// serve prints the addresses where it listens, and then for each connection there "same",
// "other" or "refused", and why, until its input ends.
func serve() {
	lines := make(chan string)
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(l.Addr())
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() { lines <- outcome(c) }()
			}
		}()
	}
	go func() {
		for line := range lines {
			fmt.Println(line)
		}
	}()
	_, _ = os.Stdin.Read(make([]byte, 1))
}

func outcome(c net.Conn) string {
	defer c.Close()
	got, err := owner(c)
	switch {
	case err != nil:
		return fmt.Sprint("refused ", err)
	case got.SamePerson():
		return "same"
	}
	return fmt.Sprint("other ", got.Account(), got.Process())
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

func TestCheck(t *testing.T) {
	if err := Check(); err != nil {
		t.Error(err)
	}
}

// TestClosedPeer: a peer that has closed would be reported as uid 0 on Linux.
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

// dialler is a process of this user that dials the address and holds the connection
// until the test ends. how is what dialAs of this system knows.
func dialler(t *testing.T, program, address, how string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(program)
	cmd.Dir = os.TempDir()
	cmd.Env = append(os.Environ(), "PEER_TEST_DIAL="+address, "PEER_TEST_HOW="+how, "GORACE=atexit_sleep_ms=0")
	stdin, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stdin.Close(); _ = cmd.Wait() })
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || line != "dialled\n" {
		t.Fatalf("%q %v", line, err)
	}
	return cmd
}
