// Package peer finds who owns the other end of a loopback TCP connection.
//
// Owner and Check may be called concurrently. They never guess: what they cannot establish
// with certainty is an error, and callers refuse the connection. Which program connects is
// for people to read, and is looked up only when somebody wants to read it.
package peer

import (
	"context"
	"errors"
	"sync"
	"time"
)

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
	program *program // nil: nobody can tell
}

// Caller is who sends requests: made once at the gate and carried along.
type Caller struct {
	Origin string // as the browser states it; whether it is allowed is checked at each request
	Identity
}

// NewIdentity is the owner of a socket, with the look-up of the program that holds
// it; nil: nobody can tell.
func NewIdentity(uid uint32, holders func(context.Context) string) Identity {
	if holders == nil {
		return Identity{UID: uid}
	}
	return Identity{UID: uid, program: &program{holders: holders, found: make(chan struct{})}}
}

// program is the look-up of a program, made once.
type program struct {
	holders func(context.Context) string
	once    sync.Once
	found   chan struct{} // closed when the look-up has ended
	name    string
}

// programLimit bounds a look-up, which reads what all the person's processes hold: a
// dialog waits for it.
const programLimit = 500 * time.Millisecond

// Program is the path of the program that holds the connecting socket, or several with
// commas between them, "" where that cannot be told. It is looked up at the first call
// and once for each connection, and names who holds the socket at that moment: a program
// can hand its socket to another one, or run another one in its place. So it helps a
// person to recognise a request, and proves nothing.
func (i Identity) Program(ctx context.Context) string {
	if i.program == nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, programLimit)
	defer cancel()
	i.program.once.Do(func() { go i.program.find() })
	select {
	case <-i.program.found:
		return i.program.name
	case <-ctx.Done():
		return i.Seen() // which may have come at the same moment
	}
}

// find has a limit of its own, and so outlives a caller who goes: the next one wants
// the same name.
func (p *program) find() {
	ctx, cancel := context.WithTimeout(context.Background(), programLimit)
	defer cancel()
	p.name = p.holders(ctx)
	close(p.found)
}

// Seen is what Program has found, "" where nobody has asked yet. It looks nothing up.
func (i Identity) Seen() string {
	if i.program == nil {
		return ""
	}
	select {
	case <-i.program.found:
		return i.program.name
	default:
		return ""
	}
}
