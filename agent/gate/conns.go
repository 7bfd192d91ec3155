package gate

import (
	"net"
	"slices"
	"sync"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/peer"
)

// Connections that are no sockets. With maxSockets these bound what is open
// altogether, whatever comes.
const (
	maxPending = 64 // that have sent no whole request yet
	maxClosing = 64 // whose request is being answered, or whose socket makes place
)

// closeLimit is how long a connection may be leaving: from the headers of a request to
// its answer, or to a socket.
const closeLimit = 5 * time.Second

// where is what becomes of a connection.
type where int

const (
	isNew where = iota
	isPending
	isClosing
	isSocket
	isClosed
)

// most is how many there may be of those that are capped.
var most = [isClosed]int{isPending: maxPending, isClosing: maxClosing}

// ownedConn is an accepted connection whose owner is the agent's user.
type ownedConn struct {
	net.Conn
	owner peer.Identity
	all   *conns

	// Guarded by all.mu.
	at    where
	limit *time.Timer
}

// Close implements net.Conn.
func (c *ownedConn) Close() error {
	c.all.move(c, isClosed)
	return c.Conn.Close()
}

// conns caps connections that are bare, and those that are leaving: the oldest goes
// first, so that a flood cannot shut a person's browser out. The zero value is ready.
type conns struct {
	mu    sync.Mutex
	lines [isClosed][]*ownedConn
}

// move says what becomes of a connection. One that is leaving is closed after a time,
// whatever waits for what on it: net/http sets its deadlines as it likes, and TLS has
// its own.
func (l *conns) move(c *ownedConn, to where) {
	l.mu.Lock()
	if c.at == isClosed {
		l.mu.Unlock()
		return
	}
	if c.limit != nil {
		c.limit.Stop()
		c.limit = nil
	}
	if most[c.at] > 0 {
		l.lines[c.at] = slices.DeleteFunc(l.lines[c.at], func(x *ownedConn) bool { return x == c })
	}
	c.at = to
	if to == isClosing {
		c.limit = time.AfterFunc(closeLimit, func() { _ = c.Close() })
	}
	var over *ownedConn
	if to < isClosed && most[to] > 0 {
		l.lines[to] = append(l.lines[to], c)
		if len(l.lines[to]) > most[to] {
			over = l.lines[to][0]
		}
	}
	l.mu.Unlock()
	if over != nil {
		_ = over.Close()
	}
}

// dropOldest closes the connection that has been bare for longest.
func (l *conns) dropOldest() {
	l.mu.Lock()
	var oldest *ownedConn
	if len(l.lines[isPending]) > 0 {
		oldest = l.lines[isPending][0]
	}
	l.mu.Unlock()
	if oldest != nil {
		_ = oldest.Close()
	}
}

// count is how many connections there are of a kind that is capped.
func (l *conns) count(at where) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.lines[at])
}
