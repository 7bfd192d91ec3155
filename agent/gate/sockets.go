package gate

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/domain"
	"github.com/cpx-bridge/cpx-bridge/internal/origin"
)

// Page is what has a socket. The gate calls its methods without holding a lock.
type Page interface {
	// Serve answers until the socket closes or ctx ends, and closes it. It is called
	// once, in a goroutine of its own; ctx ends with the gate.
	Serve(ctx context.Context)
	// Use is what the page does with its socket, and since when no more than that.
	Use() (use Use, since time.Time)
	// Displace closes the socket where its use is no greater than this one, and reports
	// whether it does. What came on it and was not answered was not begun, and nothing
	// that comes is. It must not wait.
	Displace(greatest Use) bool
}

// Use is what a page does with its socket.
type Use int

// The uses, the least first.
const (
	Idle     Use = iota // nothing
	Watching            // waits for the removal of a card
	Running             // logs in
)

// admission is that of one socket, from before its upgrade.
type admission struct {
	origin, domain string
	conn           *ownedConn
	page           Page // nil until the upgrade; guarded by sockets.mu
}

// sockets are those that are open. The zero value is ready.
type sockets struct {
	mu    sync.Mutex
	list  []*admission
	added uint64
}

// addToFree takes a place where there is room beyond doubt, as there nearly always is: then
// nothing is asked of pages and sites, and nothing is copied.
func (s *sockets) addToFree(p *admission) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	ofDomain := 0
	for _, o := range s.list {
		if o.domain == p.domain {
			ofDomain++
		}
	}
	if !roomy(ofDomain, len(s.list)) {
		return false
	}
	s.added++
	s.list = append(s.list, p)
	return true
}

// add takes a place where nobody did since the list was copied.
func (s *sockets) add(p *admission, added uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.added != added {
		return false
	}
	s.added++
	s.list = append(s.list, p)
	return true
}

func (s *sockets) opened(p *admission, page Page) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.page = page
}

// remove may be called again.
func (s *sockets) remove(p *admission) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = slices.DeleteFunc(s.list, func(x *admission) bool { return x == p })
}

// copy is the list as it stands, in the order in which places were taken.
func (s *sockets) copy() (list []candidate, added uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list = make([]candidate, 0, len(s.list))
	for _, p := range s.list {
		list = append(list, candidate{admission: p, page: p.page})
	}
	return list, s.added
}

// admit takes a place for one more socket of the origin, another's where there is none,
// and reports whether it did. The caller gives it back with remove.
func (g *Gate) admit(from string, c *ownedConn) (*admission, bool) {
	parsed, _ := origin.Parse(from) // which the policy has taken
	p := &admission{origin: from, domain: domain.Of(parsed), conn: c}
	if g.sockets.addToFree(p) {
		return p, true
	}
	for range 2 * maxSockets { // each round that fails is one in which another connection got on
		list, added := g.sockets.copy()
		free, victims := g.capacity(p, list)
		switch {
		case free:
			if g.sockets.add(p, added) {
				return p, true
			}
		case len(victims) == 0:
			return nil, false
		default:
			g.displace(p, victims)
		}
	}
	return nil, false
}

// displace closes the first of the sockets that is still of no greater use.
func (g *Gate) displace(p *admission, victims []candidate) {
	for _, v := range victims {
		if v.page.Displace(v.use) {
			g.sockets.remove(v.admission)
			g.conns.move(v.conn, isClosing)
			g.Logger.Info("socket closed for room", "origin", v.origin, "for", p.origin)
			return
		}
	}
}
