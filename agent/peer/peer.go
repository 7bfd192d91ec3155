// Package peer finds who owns the other end of a loopback TCP connection.
//
// Owner may be called concurrently. It never guesses: what it cannot establish
// with certainty is an error, and callers refuse the connection.
package peer

import "errors"

// ErrUnsupported says that there is no check for this platform yet; a server
// must then refuse to serve.
var ErrUnsupported = errors.New("peer: no check of the connecting user on this platform yet")

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
