// Package peer finds who owns the other end of a loopback TCP connection.
//
// Owner and Check may be called concurrently. They never guess: what they cannot establish
// with certainty is an error, and callers refuse the connection.
package peer

import "errors"

// Why nobody's connection can be checked on this system, as Check reports it; a
// server must then refuse to serve. Why and Next have their texts.
var (
	// ErrUnsupported says that there is no check for this platform yet.
	ErrUnsupported = errors.New("peer: no check of the connecting user on this platform yet")
	// ErrForbidden says that a container, a service manager or a security policy
	// keeps this process from asking the kernel.
	ErrForbidden = errors.New("peer: cannot check who connects: asking the kernel is forbidden here")
	// ErrNoSockDiag says that this kernel does not know the question at all.
	ErrNoSockDiag = errors.New("peer: cannot check who connects: this kernel has no sock_diag")
	// ErrNoModule says that the kernel lacks the part that knows TCP connections.
	ErrNoModule = errors.New("peer: cannot check who connects: this kernel has no tcp_diag, or cannot load it")
	// ErrNoLoopback says that no connection to this machine itself could be made.
	ErrNoLoopback = errors.New("peer: cannot check who connects: no connection on the loopback addresses")
)

// Identity is the owner of the connecting socket.
type Identity struct {
	UID     uint32
	Program string // path of the program where it can be read, else ""
	PID     int    // 0 where unknown
}

// Caller is who sends requests: made once at the gate and carried along.
type Caller struct {
	Origin string // as the browser states it; whether it is allowed is checked at each request
	Identity
}
