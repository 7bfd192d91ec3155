package stack

import (
	"errors"
	"net"
	"strconv"
	"syscall"
)

// portsNear is how many ports from the wanted one on are tried before any.
const portsNear = 10

// portalPort finds the port for an address that should be the same each time.
func portalPort(wanted int) (int, error) {
	if wanted == 0 {
		return freePort()
	}
	for port := wanted; port < wanted+portsNear && port <= 65535; port++ {
		if isFree(port) {
			return port, nil
		}
	}
	return freePort()
}

// isFree reports whether nobody listens on a port of localhost, by IPv4 and by IPv6: a
// browser that asks localhost tries ::1 first, and would find another program there.
func isFree(port int) bool {
	for _, host := range []string{"127.0.0.1", "::1"} {
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if err == nil {
			_ = l.Close()
			continue
		}
		none := errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT) // no IPv6 here
		if host == "127.0.0.1" || !none {
			return false
		}
	}
	return true
}

// freePort finds a port that is now free on 127.0.0.1.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
