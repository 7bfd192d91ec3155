// Package gate decides who may connect: it owns the listeners on loopback, looks
// up the owner of each connection before a byte is read, and checks host, path,
// origin and subprotocol of the request. What passes is handed on as a socket
// with its [peer.Caller].
//
// A [Gate] may be used from any goroutine. It never listens beyond loopback,
// never answers a process of another user, and knows nothing of cards or logins:
// that an origin may connect does not mean that it is allowed to use a card.
package gate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cpx-bridge/cpx-bridge/agent/peer"
	"github.com/cpx-bridge/cpx-bridge/agent/policy"
)

// Options make a Gate. Policy, Logger, Page and Allowed are required.
type Options struct {
	Policy *policy.Effective
	Logger *slog.Logger
	// Page is called with each socket that passed. It must not wait.
	Page func(socket *websocket.Conn, who peer.Caller) Page
	// Allowed reports whether an origin is allowed or remembered now: it always has
	// room. It must not wait for a person.
	Allowed func(origin string) bool
	// Subprotocol and Path are what a page's handshake must name.
	Subprotocol, Path string
	// Owner looks up who owns a connection; default peer.OwnerInSession.
	Owner func(local, remote netip.AddrPort) (peer.Identity, error)
	// Header is how long a connection may wait with its request; default: longer
	// than a browser's own permission prompt stands.
	Header time.Duration
	Now    func() time.Time // default time.Now

	// Certificate is for wss, where the policy switches it on; nil: none.
	Certificate LocalCertificate
	// Changes wakes when the certificate's file may be another; needed with
	// Certificate.
	Changes func(ctx context.Context) <-chan struct{}
	// Changed is called when what WSS answers has changed; nil: nobody wants it.
	Changed func()
}

// defaultHeader: a browser holds the connection while its own permission prompt
// stands, four minutes in Chromium: a shorter limit breaks that login.
const defaultHeader = 260 * time.Second

// Gate serves pages on loopback.
type Gate struct {
	Options
	policy  atomic.Pointer[policy.Effective] // Options.Policy is what it begins with
	pages   ports
	conns   conns
	sockets sockets
	wss     *wss // nil: there is no certificate to serve it with

	portsWanted, wssWanted chan struct{} // receive when the settings are others
}

// New takes a port, so that a second agent on the machine takes the next. It
// fails with the errors of peer.Check where nobody can tell who connects, and with
// ErrNoPort.
func New(o Options) (*Gate, error) {
	g := &Gate{Options: o, portsWanted: make(chan struct{}, 1), wssWanted: make(chan struct{}, 1)}
	g.policy.Store(o.Policy)
	if g.Owner == nil {
		if err := peer.Check(); err != nil {
			return nil, err
		}
		g.Owner = peer.OwnerInSession(g.servesBeside)
	}
	if g.Now == nil {
		g.Now = time.Now
	}
	if g.Header == 0 {
		g.Header = defaultHeader
	}
	if g.Changed == nil {
		g.Changed = func() {}
	}
	if o.Certificate != nil {
		g.wss = &wss{source: o.Certificate}
	}
	listeners, port, err := listen(o.Policy.Ports.First, o.Policy.Ports.Count)
	g.pages.replace(listeners, port, nil)
	return g, err
}

// servesBeside reports whether another agent of this account seems to serve in the range.
func (g *Gate) servesBeside() bool {
	ports := g.policy.Load().Ports
	return peer.ServesBeside(ports.First, ports.Count, g.Port())
}

// Port is the port on 127.0.0.1 and ::1.
func (g *Gate) Port() int { port, _ := g.pages.at(); return port }

// Addresses are those that the gate listens on, without the encrypted ones.
func (g *Gate) Addresses() []string { _, list := g.pages.at(); return list }

// Serve hands on sockets until ctx ends, and then returns nil. It returns an
// error where a listener failed for good: an agent that hears nobody must not go
// on as if it did.
func (g *Gate) Serve(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// Pages are cancelled at the end, whatever ends the gate.
	pages, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	web := g.server(pages)
	var running sync.WaitGroup
	serving := &serving{Gate: g, ctx: ctx, web: web, running: &running, end: cancel}
	g.pages.mu.Lock()
	g.pages.stop = serving.serve(g.pages.listeners, asIs)
	g.pages.mu.Unlock()
	running.Go(serving.followPorts)
	running.Go(serving.followWSS)
	<-ctx.Done()
	end()
	err := context.Cause(ctx)
	_ = web.Close()
	running.Wait()
	if errors.Is(err, errListener) {
		return err
	}
	return nil
}

// server carries one request on each connection: one that waited for the next, or
// for a body, would be held outside the limit on pending ones.
func (g *Gate) server(pages context.Context) *http.Server {
	web := &http.Server{
		Handler:                      g.handler(pages),
		ReadHeaderTimeout:            g.Header,
		MaxHeaderBytes:               16 << 10,
		DisableGeneralOptionsHandler: true, // it would answer before the gate
		BaseContext:                  func(net.Listener) context.Context { return pages },
		ConnContext:                  withIdentity,
		ErrorLog:                     slog.NewLogLogger(g.Logger.Handler(), slog.LevelDebug),
	}
	web.SetKeepAlivesEnabled(false)
	return web
}

// ErrNoPort says that every port of the range is taken.
var ErrNoPort = errors.New("gate: no free port in the range")

// listen takes the first port of the range that is free on both loopback
// addresses. Where ::1 does not exist, 127.0.0.1 alone; where it exists and is
// taken, the next port, because a browser that resolves "localhost" dials ::1
// first and would reach another program there. A port on which connections of a program
// that has ended still linger may be refused by the system: the next one again.
func listen(first, count int) ([]net.Listener, int, error) {
	for port := first; port < first+count; port++ {
		v4, err := exclusive.Listen(context.Background(), "tcp4", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		v6, err := exclusive.Listen(context.Background(), "tcp6", fmt.Sprintf("[::1]:%d", port))
		switch {
		case err == nil:
			return []net.Listener{v4, v6}, port, nil
		case addressMissing(err):
			return []net.Listener{v4}, port, nil
		}
		_ = v4.Close()
	}
	return nil, 0, fmt.Errorf("%w: %w", ErrNoPort, &policy.PortsInUseError{First: first, Last: first + count - 1})
}
