package js

import (
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// unanswered listens on a free port whose queue is full: a dial gets neither a
// connection nor a refusal. open empties the queue and returns the listener, from
// then on an ordinary one.
func unanswered(t *testing.T) (port int, open func() net.Listener) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), "listener")
	defer file.Close()
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	l, err := net.FileListener(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	var queue []net.Conn
	drop := func() {
		for _, c := range queue {
			c.Close()
		}
	}
	t.Cleanup(drop)
	for {
		c, err := net.DialTimeout("tcp4", l.Addr().String(), time.Second)
		if err != nil {
			break // the queue is full
		}
		queue = append(queue, c)
	}
	return l.Addr().(*net.TCPAddr).Port, func() net.Listener {
		drop()
		return l
	}
}

// Ports that neither answer nor refuse: absence is reported nevertheless, and the
// pending dial serves the next search once the agent is there.
func TestPortsThatDoNotAnswer(t *testing.T) {
	e := newEvents()
	open(t, e, "", nil)
	port, answer := unanswered(t)
	const search = `return cpx.status({ports:{first:%d,count:1}})`
	if got := inPage(t, search, port); got.reason() != "no_agent" {
		t.Fatal(got.reason())
	}
	agentOn(t, answer(), "agent", e, goodStatus, none)
	if got := inPage(t, search, port); got.Error != nil {
		t.Fatal(got.reason())
	}
}
