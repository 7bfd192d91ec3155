package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
)

// checkLimit bounds the connection to this process itself, which a firewall may
// swallow.
const checkLimit = 2 * time.Second

// Check reports whether this system tells whose a connection is: it makes one to
// itself on each loopback address that there is, and must find itself at the other
// end. A server calls it before it serves: without it everybody would be refused,
// one after the other, and nobody would learn why.
func Check() error {
	var unreachable error
	checked := false
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		c, err := newLoop(address)
		if err != nil { // no such address here; or nobody can reach it, and then nobody connects there either
			unreachable = errors.Join(unreachable, err)
			continue
		}
		uid, _, err := find(addrPort(c.accepted.LocalAddr()), addrPort(c.accepted.RemoteAddr()))
		c.close()
		switch {
		case err != nil:
			return kind(err)
		case int(uid) != os.Getuid():
			return fmt.Errorf("peer: cannot check who connects: this process's own connection is said to be of uid %d", uid)
		}
		checked = true
	}
	if !checked {
		return fmt.Errorf("%w: %w", ErrNoLoopback, unreachable)
	}
	return nil
}

// kind types the error of a look-up for a connection that is known to stand.
func kind(err error) error {
	for _, k := range []struct {
		is    error
		errno []syscall.Errno
	}{
		{ErrForbidden, []syscall.Errno{syscall.EPERM, syscall.EACCES, syscall.EAFNOSUPPORT}},
		{ErrNoSockDiag, []syscall.Errno{syscall.EPROTONOSUPPORT, syscall.ESOCKTNOSUPPORT, syscall.EOPNOTSUPP, syscall.ENOSYS}},
		{ErrNoModule, []syscall.Errno{syscall.ENOENT}},
	} {
		for _, errno := range k.errno {
			if errors.Is(err, errno) {
				return fmt.Errorf("%w: %w", k.is, err)
			}
		}
	}
	return fmt.Errorf("peer: cannot check who connects: %w", err)
}

// loop is a connection of this process with itself.
type loop struct{ dialled, accepted net.Conn }

func (l loop) close() {
	_ = l.dialled.Close()
	_ = l.accepted.Close()
}

func newLoop(address string) (loop, error) {
	ctx, cancel := context.WithTimeout(context.Background(), checkLimit)
	defer cancel()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return loop{}, err
	}
	defer listener.Close()
	_ = listener.(*net.TCPListener).SetDeadline(time.Now().Add(checkLimit))
	var d net.Dialer
	dialled, err := d.DialContext(ctx, "tcp", listener.Addr().String())
	if err != nil {
		return loop{}, err
	}
	for {
		accepted, err := listener.Accept()
		if err != nil {
			return loop{}, errors.Join(err, dialled.Close())
		}
		if accepted.RemoteAddr().String() == dialled.LocalAddr().String() {
			return loop{dialled, accepted}, nil
		}
		_ = accepted.Close() // another program dials whatever it finds
	}
}

func addrPort(a net.Addr) netip.AddrPort { return a.(*net.TCPAddr).AddrPort() }
