package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

const writeLimit = 10 * time.Second

// conn is one page's socket.
type conn struct {
	server *Server
	socket *websocket.Conn
	who    caller

	writes sync.Mutex // gorilla/websocket wants one writer at a time

	mu      sync.Mutex
	running context.CancelCauseFunc // of the authenticate that runs, or nil
	watched map[string]bool         // certificates whose removal this page is told
}

func (s *Server) serveConn(ctx context.Context, socket *websocket.Conn, who caller) {
	c := &conn{server: s, socket: socket, who: who, watched: map[string]bool{}}
	s.mu.Lock()
	s.conns[c] = true
	s.mu.Unlock()
	ctx, cancel := context.WithCancelCause(ctx)
	defer func() {
		cancel(errPageCancelled) // a closed socket cancels
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
		_ = socket.Close()
	}()
	if ctx.Err() != nil {
		return
	}
	socket.SetReadLimit(maxMessage)
	for {
		kind, message, err := socket.ReadMessage()
		if err != nil {
			return
		}
		if kind != websocket.TextMessage {
			c.close(websocket.CloseUnsupportedData, "text frames only")
			return
		}
		c.handle(ctx, message)
	}
}

func (s *Server) closeConns() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		go func() {
			c.close(websocket.CloseGoingAway, "the agent ends")
			_ = c.socket.Close()
		}()
	}
}

func (c *conn) close(code int, text string) {
	_ = c.socket.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, text), time.Now().Add(time.Second))
}

func (c *conn) handle(ctx context.Context, message []byte) {
	r, id, bad := parseRequest(message)
	if bad != nil {
		c.reply(id, nil, bad)
		return
	}
	switch r.method {
	case "status":
		c.reply(id, c.server.status(ctx, c.who), nil)
	case "authenticate":
		c.authenticate(ctx, r)
	case "cancel":
		c.mu.Lock()
		if c.running != nil {
			c.running(errPageCancelled)
		}
		c.mu.Unlock()
		c.reply(id, struct{}{}, nil)
	case "watch":
		result, err := c.watch(r)
		c.reply(id, result, err)
	default:
		c.reply(id, nil, newError(CodeUnknownMethod, "", "no such method"))
	}
}

// authenticate runs beside the reading, so that the page can cancel.
func (c *conn) authenticate(ctx context.Context, r request) {
	ask, bad := parseAuthenticate(r)
	if bad != nil {
		c.reply(r.id, nil, bad)
		return
	}
	c.mu.Lock()
	if c.running != nil {
		c.mu.Unlock()
		c.reply(r.id, nil, fail(CodeBusy))
		return
	}
	ctx, cancel := context.WithCancelCause(ctx)
	c.running = cancel
	c.mu.Unlock()
	go func() {
		result, err := c.guarded(ctx, ask)
		c.mu.Lock()
		c.running = nil
		c.mu.Unlock()
		cancel(nil)
		if err != nil {
			c.reply(r.id, nil, err)
			return
		}
		c.reply(r.id, result, nil)
		c.server.offerAlways(offer{who: c.who, lang: c.server.language(ask.lang)})
	}()
}

// guarded turns a panic into an answer: one page's login never ends the agent.
func (c *conn) guarded(ctx context.Context, ask authenticateParams) (result any, err *Error) {
	defer func() {
		if p := recover(); p != nil {
			c.server.log.Error("login panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			result, err = nil, newError(CodeInternal, "internal", "Something unforeseen happened; the agent's log says what.")
		}
	}()
	token, certificateID, failed := c.server.login(ctx, c.who, ask, c.progress)
	if failed != nil {
		return nil, failed
	}
	c.mu.Lock()
	c.watched[certificateID] = true
	c.mu.Unlock()
	return token, nil
}

func (c *conn) watch(r request) (any, *Error) {
	id, bad := r.stringParam("certificate", true)
	if bad != nil {
		return nil, bad
	}
	if !c.server.proven.has(c.who.origin, id) {
		return nil, newError(CodeInvalidParams, "", "this origin got no token with that certificate")
	}
	c.mu.Lock()
	c.watched[id] = true
	c.mu.Unlock()
	snapshot, _ := c.server.cards.Snapshot()
	return map[string]bool{"present": holds(snapshot, id)}, nil
}

// cardsChanged tells the pages whose card has left, and closes its dialogs.
func (s *Server) cardsChanged(snapshot pkcs11.Snapshot) {
	gone := func(id string) bool { return !holds(snapshot, id) }
	s.tellRemoved(gone)
	s.waits.left(gone)
}

// tellRemoved tells the pages that authenticated with a card that is gone, or
// watch it. Each is told once.
func (s *Server) tellRemoved(gone func(id string) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.mu.Lock()
		told := false
		for id := range c.watched {
			if gone(id) {
				delete(c.watched, id)
				told = true
			}
		}
		c.mu.Unlock()
		if told {
			go c.notify("card", map[string]string{"event": "removed"})
		}
	}
}

func holds(s pkcs11.Snapshot, id string) bool {
	for _, c := range s.Certificates {
		if c.ID == id {
			return true
		}
	}
	return false
}

func (c *conn) progress(state string) { c.notify("progress", map[string]string{"state": state}) }

func (c *conn) notify(method string, params any) {
	c.write(notification{Version: "2.0", Method: method, Params: params})
}

func (c *conn) reply(id json.RawMessage, result any, err *Error) {
	c.write(response{Version: "2.0", ID: id, Result: result, Error: err})
}

func (c *conn) write(message any) {
	c.writes.Lock()
	defer c.writes.Unlock()
	_ = c.socket.SetWriteDeadline(time.Now().Add(writeLimit))
	if err := c.socket.WriteMessage(websocket.TextMessage, marshal(message)); err != nil {
		// A page that does not read is gone; the reading side sees the close.
		_ = c.socket.Close()
	}
}
