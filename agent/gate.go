package agent

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/gorilla/websocket"

	"github.com/cpx-bridge/cpx-bridge/agent/peer"
	"github.com/cpx-bridge/cpx-bridge/agent/policy"
)

const (
	subprotocol = "cpx.v1"
	path        = "/v1"

	maxBare          = 64  // connections that have sent no request yet
	maxConns         = 256 // open sockets
	maxConnsOfOrigin = 64
	maxChecks        = 32 // owners of connections looked up at the same time
)

// caller is who asks, made once at the gate and carried along.
type caller struct {
	origin string // whether it is allowed is asked at each request: Server.allowed
	peer   peer.Identity
}

// ownedConn is an accepted connection whose owner is the agent's user.
type ownedConn struct {
	net.Conn
	owner  peer.Identity
	closed func()
}

func (c *ownedConn) Close() error {
	c.closed()
	return c.Conn.Close()
}

type identityKey struct{}

func withIdentity(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, identityKey{}, plain(c))
}

// gatedListener hands on only connections of the agent's own user. The check
// comes before a byte is read; a stranger's connection counts against no limit.
type gatedListener struct {
	net.Listener
	accepted chan net.Conn
	failed   chan error
	done     <-chan struct{}
}

func (s *Server) gated(ctx context.Context, l net.Listener) net.Listener {
	g := &gatedListener{Listener: l, accepted: make(chan net.Conn), failed: make(chan error, 1), done: ctx.Done()}
	go s.accept(ctx, g)
	return g
}

func (g *gatedListener) Accept() (net.Conn, error) {
	select {
	case c := <-g.accepted:
		return c, nil
	case err := <-g.failed:
		return nil, err
	case <-g.done:
		return nil, net.ErrClosed
	}
}

func (s *Server) accept(ctx context.Context, g *gatedListener) {
	checks := make(chan struct{}, maxChecks)
	for {
		raw, err := g.Listener.Accept()
		if err != nil {
			g.failed <- err
			return
		}
		checks <- struct{}{}
		go func() {
			defer func() { <-checks }()
			c := s.admit(raw)
			if c == nil {
				return
			}
			select {
			case g.accepted <- c:
			case <-ctx.Done():
				_ = c.Close()
			}
		}()
	}
}

// admit returns nil, the connection closed, where its owner is another user or
// cannot be told for certain.
func (s *Server) admit(raw net.Conn) net.Conn {
	owner, err := s.peer(addrPort(raw.LocalAddr()), addrPort(raw.RemoteAddr()))
	switch {
	case err != nil:
		s.log.Warn("connection refused", "reason", "peer_unknown", "error", err)
	case owner.UID != s.uid:
		s.log.Warn("connection refused", "reason", "peer_other_user", "uid", owner.UID)
	default:
		c := &ownedConn{Conn: raw, owner: owner}
		c.closed = func() { s.bare.remove(c) }
		s.bare.add(c)
		return c
	}
	_ = raw.Close()
	return nil
}

func addrPort(a net.Addr) netip.AddrPort {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	return tcp.AddrPort()
}

// bareConns caps connections that have sent no whole request: the oldest goes
// first, so that a flood cannot keep a person's browser out.
type bareConns struct {
	mu    sync.Mutex
	max   int
	conns []*ownedConn
}

func newBareConns(limit int) *bareConns { return &bareConns{max: limit} }

func (b *bareConns) add(c *ownedConn) {
	b.mu.Lock()
	b.conns = append(b.conns, c)
	var oldest *ownedConn
	if len(b.conns) > b.max {
		oldest = b.conns[0]
	}
	b.mu.Unlock()
	if oldest != nil {
		_ = oldest.Close() // takes itself off the list
	}
}

func (b *bareConns) remove(c *ownedConn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.conns = slices.DeleteFunc(b.conns, func(x *ownedConn) bool { return x == c })
}

// handler is the gate's second half, on the request: host, path, origin,
// policy, subprotocol. It fails closed with a bare 403 and one line in the log.
func (s *Server) handler() http.Handler {
	upgrader := &websocket.Upgrader{
		Subprotocols: []string{subprotocol},
		CheckOrigin:  func(*http.Request) bool { return true }, // judged below, by the policy
		Error: func(w http.ResponseWriter, _ *http.Request, _ int, reason error) {
			s.log.Warn("request refused", "reason", "handshake", "error", reason)
			w.WriteHeader(http.StatusForbidden)
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, ok := r.Context().Value(identityKey{}).(*ownedConn)
		if !ok {
			s.refuse(w, r, "peer_unknown")
			return
		}
		s.bare.remove(c)
		if !hostAllowed(r.Host, addrPort(c.LocalAddr()).Port()) {
			s.refuse(w, r, "host")
			return
		}
		if r.URL.Path != path {
			s.page(w, r)
			return
		}
		who, reason := s.judge(r, c.owner)
		if reason != "" {
			s.refuse(w, r, reason)
			return
		}
		if !s.room(who.origin) {
			s.refuse(w, r, "too_many_connections")
			return
		}
		socket, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return // answered and logged by the upgrader
		}
		s.serveConn(r.Context(), socket, who)
	})
}

func (s *Server) refuse(w http.ResponseWriter, r *http.Request, reason string) {
	s.log.Warn("request refused", "reason", reason, "origin", strings.Join(r.Header.Values("Origin"), " "), "host", r.Host, "path", r.URL.Path)
	w.WriteHeader(http.StatusForbidden)
}

// hostAllowed stands against rebinding: a page that reaches the agent under its
// own name sends that name here.
func hostAllowed(host string, port uint16) bool {
	p := strconv.Itoa(int(port))
	return host == "127.0.0.1:"+p || host == "localhost:"+p || host == "[::1]:"+p
}

// judge returns the caller, or the reason why it is refused.
func (s *Server) judge(r *http.Request, owner peer.Identity) (caller, string) {
	origins := r.Header.Values("Origin")
	if len(origins) != 1 {
		return caller{}, "origin_count"
	}
	who := caller{origin: origins[0], peer: owner}
	switch s.policy.Decide(who.origin) {
	case policy.Allowed, policy.Ask:
	case policy.Blocked:
		return caller{}, "origin_blocked"
	case policy.NotListed:
		return caller{}, "origin_not_listed"
	case policy.Plain:
		return caller{}, "origin_http_not_listed" // in mode ask there is a list for http alone
	default:
		return caller{}, "origin_malformed"
	}
	if !slices.Contains(websocket.Subprotocols(r), subprotocol) {
		return caller{}, "subprotocol"
	}
	return who, ""
}

// room tells whether one more socket of the origin fits.
func (s *Server) room(origin string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	same := 0
	for c := range s.conns {
		if c.who.origin == origin {
			same++
		}
	}
	return len(s.conns) < maxConns && same < maxConnsOfOrigin
}
