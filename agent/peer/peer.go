// Package peer tells who is at the other end of a loopback TCP connection.
//
// Owner may be called concurrently. It never guesses: what it cannot tell for
// certain is an error, and callers refuse the connection.
package peer

import "errors"

// ErrUnsupported says that this platform's check is not written yet; a server
// must then refuse to serve.
var ErrUnsupported = errors.New("peer: no check of the connecting user on this platform yet")

// Identity is the owner of the connecting socket.
type Identity struct {
	UID     uint32
	Program string // path of the program where it can be read, else ""
	PID     int    // 0 where unknown
}

// Caller is who asks: made once at the gate and carried along.
type Caller struct {
	Origin string // as the browser stated it; whether it is allowed is asked at each request
	Identity
}
