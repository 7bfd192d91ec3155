package gate

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/peer"
	"github.com/cpx-bridge/cpx-bridge/internal/audit"
)

// maxChecks is how many owners of connections are looked up at the same time.
const maxChecks = 32

// errListener says that a listener failed for good.
var errListener = errors.New("gate: the listener failed")

// acceptor is a listener that hands on only connections of the agent's own user.
// The check comes before a byte is read; another user's connection counts against
// no limit.
type acceptor struct {
	net.Listener
	gate     *Gate
	accepted chan net.Conn
	failed   chan error
	done     <-chan struct{}
}

func (g *Gate) accepting(ctx context.Context, l net.Listener) net.Listener {
	a := &acceptor{Listener: l, gate: g, accepted: make(chan net.Conn), failed: make(chan error, 1), done: ctx.Done()}
	go a.run(ctx)
	return a
}

// Accept implements net.Listener.
func (a *acceptor) Accept() (net.Conn, error) {
	select {
	case c := <-a.accepted:
		return c, nil
	case err := <-a.failed:
		return nil, err
	case <-a.done:
		return nil, net.ErrClosed
	}
}

// The pauses after an error that passes, as net/http's.
const (
	firstAcceptPause = 5 * time.Millisecond
	lastAcceptPause  = time.Second
)

// run accepts until the listener fails for good. What passes by itself, above all
// that no descriptor is left, is waited out, and logged once.
func (a *acceptor) run(ctx context.Context) {
	checks := make(chan struct{}, maxChecks)
	pause := time.Duration(0)
	for {
		raw, err := a.Listener.Accept()
		switch {
		case err == nil:
			if pause > 0 {
				a.gate.Logger.Info("connections are accepted again", "address", a.Addr().String())
				pause = 0
			}
		case ctx.Err() != nil, !passing(err):
			a.failed <- fmt.Errorf("%w: %s: %w", errListener, a.Addr(), err)
			return
		default:
			if pause == 0 {
				a.gate.Logger.Warn("no connection can be accepted; trying again", "address", a.Addr().String(), "error", err)
			}
			a.gate.conns.dropOldest() // it may hold the descriptor that is wanted
			pause = min(max(2*pause, firstAcceptPause), lastAcceptPause)
			select {
			case <-time.After(pause):
			case <-ctx.Done():
			}
			continue
		}
		checks <- struct{}{}
		go func() {
			defer func() { <-checks }()
			a.hand(ctx, raw)
		}()
	}
}

// hand hands a connection on where its owner may connect.
func (a *acceptor) hand(ctx context.Context, raw net.Conn) {
	c := a.gate.owned(raw)
	if c == nil {
		return
	}
	select {
	case a.accepted <- c:
	case <-ctx.Done():
		_ = c.Close()
	}
}

// passing reports that a failed accept may be tried again: net/http's own test, and
// what a system says that is out of memory.
func passing(err error) bool {
	var temporary interface{ Temporary() bool }
	return errors.As(err, &temporary) && temporary.Temporary() || outOfResources(err)
}

// owned returns nil, the connection closed, where its owner is not the person or
// cannot be found for certain.
func (g *Gate) owned(raw net.Conn) net.Conn {
	owner, err := g.ownerOf(raw)
	switch {
	case err != nil:
		g.Logger.Warn("connection refused", "reason", "peer_unknown", "error", err, audit.Refusal)
	case !owner.SamePerson():
		g.Logger.Warn("connection refused", "reason", owner.Refusal(), owner.Account(), owner.Process(), audit.Refusal)
	default:
		c := &ownedConn{Conn: raw, owner: owner, all: &g.conns}
		g.conns.move(c, isPending)
		return c
	}
	_ = raw.Close()
	return nil
}

// ownerTries is how often an owner is looked up where the look-up itself fails for
// want of descriptors: a bare connection is dropped before each new try.
const ownerTries = 3

func (g *Gate) ownerOf(raw net.Conn) (owner peer.Identity, err error) {
	for range ownerTries {
		owner, err = g.Owner(addrPort(raw.LocalAddr()), addrPort(raw.RemoteAddr()))
		if err == nil || !outOfResources(err) {
			break
		}
		g.conns.dropOldest()
	}
	return owner, err
}

func addrPort(a net.Addr) netip.AddrPort {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	return tcp.AddrPort()
}
