package gate

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cpx-bridge/cpx-bridge/agent/peer"
	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/internal/audit"
)

type identityKey struct{}

func withIdentity(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, identityKey{}, plain(c))
}

// plain is the connection below TLS.
func plain(c net.Conn) net.Conn {
	if t, ok := c.(*tls.Conn); ok {
		return t.NetConn()
	}
	return c
}

// handler is the gate's second half, on the request: host, path, origin,
// policy, subprotocol. It fails closed with a bare 403 and one line in the log.
// Pages end with the context.
func (g *Gate) handler(pages context.Context) http.Handler {
	upgrader := &websocket.Upgrader{
		Subprotocols: []string{g.Subprotocol},
		// Nearly all pages wait, nearly always: each has a small buffer to read with, and those
		// to which something is written share theirs.
		ReadBufferSize: 512, WriteBufferSize: 4096, WriteBufferPool: &sync.Pool{},
		CheckOrigin: func(*http.Request) bool { return true }, // authorize has asked the policy
		Error: func(w http.ResponseWriter, _ *http.Request, _ int, reason error) {
			g.Logger.Warn("request refused", "reason", "handshake", "error", reason, audit.Refusal)
			w.WriteHeader(http.StatusForbidden)
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		limit(w)                              // the upgrade lifts it
		w.Header().Set("Connection", "close") // net/http promises HTTP/1.0 clients that it stays, and closes it
		c, ok := r.Context().Value(identityKey{}).(*ownedConn)
		if !ok {
			g.refuse(w, r, "peer_unknown")
			return
		}
		g.conns.move(c, isClosing)
		if reason := wrongShape(r); reason != "" {
			_ = http.NewResponseController(w).SetReadDeadline(time.Now()) // a body is not waited for
			g.refuse(w, r, reason)
			return
		}
		if !hostAllowed(r.Host, addrPort(c.LocalAddr()).Port()) {
			g.refuse(w, r, "host")
			return
		}
		if path, _, _ := strings.Cut(r.RequestURI, "?"); path != g.Path { // as it was written: no escapes
			g.landing(w, r)
			return
		}
		who, reason := g.authorize(r, c.owner)
		if reason != "" {
			g.refuse(w, r, reason)
			return
		}
		admitted, ok := g.admit(who.Origin, c)
		if !ok {
			g.refuse(w, r, "too_many_connections")
			return
		}
		served := false
		defer func() {
			if !served {
				g.sockets.remove(admitted)
			}
		}()
		socket, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return // answered and logged by the upgrader
		}
		g.conns.move(c, isSocket)
		page := g.Page(socket, who)
		g.sockets.opened(admitted, page)
		served = true
		go g.servePage(pages, socket, page, admitted)
	})
}

// servePage runs in a goroutine of its own: as long as a request's runs, net/http keeps the
// request with its buffers. Whatever fails in a page ends that page alone, as it does in a
// request.
func (g *Gate) servePage(pages context.Context, socket *websocket.Conn, page Page, admitted *admission) {
	defer func() {
		if cause := recover(); cause != nil {
			g.Logger.Error("page panicked", "panic", fmt.Sprint(cause), "stack", string(debug.Stack()))
			_ = socket.Close()
		}
	}()
	defer g.sockets.remove(admitted)
	page.Serve(pages)
}

// limit sets until when the request is read and answered.
func limit(w http.ResponseWriter) {
	until := time.Now().Add(closeLimit)
	c := http.NewResponseController(w)
	_, _ = c.SetReadDeadline(until), c.SetWriteDeadline(until)
}

// wrongShape is why no page and no person's browser sends such a request: it has
// a body, or names the host in its first line, as to a proxy. An empty reason: it may be one.
func wrongShape(r *http.Request) (reason string) {
	switch {
	case r.ContentLength != 0 || len(r.TransferEncoding) > 0:
		return "body"
	case r.URL.Host != "":
		return "target"
	}
	return ""
}

func (g *Gate) refuse(w http.ResponseWriter, r *http.Request, reason string) {
	g.Logger.Warn("request refused", "reason", reason, "origin", strings.Join(r.Header.Values("Origin"), " "), "host", r.Host, "path", r.URL.Path, audit.Refusal)
	w.WriteHeader(http.StatusForbidden)
}

// hostAllowed stands against rebinding: a page that reaches the agent under its
// own name sends that name here.
func hostAllowed(host string, port uint16) bool {
	p := strconv.Itoa(int(port))
	return host == "127.0.0.1:"+p || host == "localhost:"+p || host == "[::1]:"+p
}

// authorize returns the caller, or the reason why it is refused.
func (g *Gate) authorize(r *http.Request, owner peer.Identity) (peer.Caller, string) {
	origins := r.Header.Values("Origin")
	if len(origins) != 1 {
		return peer.Caller{}, "origin_count"
	}
	who := peer.Caller{Origin: origins[0], Identity: owner}
	switch g.policy.Load().Decide(who.Origin) {
	case policy.Allowed, policy.Ask:
	case policy.Blocked:
		return peer.Caller{}, "origin_blocked"
	case policy.NotListed:
		return peer.Caller{}, "origin_not_listed"
	case policy.Plain:
		return peer.Caller{}, "origin_http_not_listed" // in mode ask there is a list for http alone
	default:
		return peer.Caller{}, "origin_malformed"
	}
	if !slices.Contains(websocket.Subprotocols(r), g.Subprotocol) {
		return peer.Caller{}, "subprotocol"
	}
	return who, ""
}
