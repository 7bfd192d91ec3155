package gate

import (
	"context"
	"fmt"
	"net"
	"syscall"
	"testing"

	"golang.org/x/sys/windows"
)

// thief binds as one does who wants another's port.
var thief = net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
	var err error
	if controlErr := c.Control(func(fd uintptr) {
		err = windows.SetsockoptInt(windows.Handle(fd), windows.SOL_SOCKET, windows.SO_REUSEADDR, 1)
	}); controlErr != nil {
		return controlErr
	}
	return err
}}

// TestExclusive: each listener is exclusive, and nobody else binds to its port, neither
// on its address nor on all. wine refuses that of every listener, so there the option
// alone is shown.
func TestExclusive(t *testing.T) {
	listeners, port, err := listen(30000+int(windows.GetCurrentProcessId())%20000, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range listeners {
		defer l.Close()
		if on, err := option(l, soExclusiveAddrUse); err != nil || on == 0 {
			t.Errorf("%s: exclusive: %d %v", l.Addr(), on, err)
		}
		network, all := "tcp4", "0.0.0.0"
		if l.Addr().(*net.TCPAddr).IP.To4() == nil {
			network, all = "tcp6", "[::]"
		}
		for _, address := range []string{l.Addr().String(), fmt.Sprintf("%s:%d", all, port)} {
			if stolen, err := thief.Listen(context.Background(), network, address); err == nil {
				stolen.Close()
				t.Errorf("%s was bound to while %s listened", address, l.Addr())
			}
		}
	}
	if len(listeners) == 0 {
		t.Error("nobody listens")
	}
}

// TestPortOfAnother: a port that another program has on either address is passed over.
func TestPortOfAnother(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "[::1]"} {
		other, err := net.Listen("tcp", host+":0")
		if err != nil {
			t.Fatal(err)
		}
		port := other.Addr().(*net.TCPAddr).Port
		listeners, got, err := listen(port, 20)
		other.Close()
		if err != nil || got == port {
			t.Errorf("%s: port %d, %v", host, got, err)
		}
		for _, l := range listeners {
			l.Close()
		}
	}
}

func option(l net.Listener, name int) (value int, err error) {
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err != nil {
		return 0, err
	}
	controlErr := raw.Control(func(fd uintptr) { value, err = windows.GetsockoptInt(windows.Handle(fd), windows.SOL_SOCKET, name) })
	if controlErr != nil {
		return 0, controlErr
	}
	return value, err
}
