package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cpx-bridge/cpx-bridge/agent/cards"
	"github.com/cpx-bridge/cpx-bridge/agent/login"
	"github.com/cpx-bridge/cpx-bridge/agent/peer"
	"github.com/cpx-bridge/cpx-bridge/agent/protocol"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
)

const writeLimit = 10 * time.Second

// page is one page's connection.
type page struct {
	server *Server
	socket *websocket.Conn
	who    peer.Caller

	writes sync.Mutex // gorilla/websocket wants one writer at a time

	mu      sync.Mutex
	running context.CancelCauseFunc // of the authenticate that runs, or nil
	watched map[string]bool         // certificates of whose removal this page is notified
}

// servePage answers one page until it closes or ctx ends.
func (s *Server) servePage(ctx context.Context, socket *websocket.Conn, who peer.Caller) {
	p := &page{server: s, socket: socket, who: who, watched: map[string]bool{}}
	s.pages.add(p)
	stop := context.AfterFunc(ctx, func() {
		p.close(websocket.CloseGoingAway, "the agent ends")
		_ = socket.Close()
	})
	ctx, cancel := context.WithCancelCause(ctx)
	defer func() {
		cancel(protocol.ErrPageCancelled) // a closed socket cancels
		stop()
		s.pages.remove(p)
		_ = socket.Close()
	}()
	socket.SetReadLimit(protocol.MaxMessage)
	for {
		kind, message, err := socket.ReadMessage()
		if err != nil {
			return
		}
		if kind != websocket.TextMessage {
			p.close(websocket.CloseUnsupportedData, "text frames only")
			return
		}
		p.handle(ctx, message)
	}
}

func (p *page) close(code int, text string) {
	_ = p.socket.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, text), time.Now().Add(time.Second))
}

func (p *page) handle(ctx context.Context, message []byte) {
	r, id, bad := protocol.ParseRequest(message)
	if bad != nil {
		p.reply(id, nil, bad)
		return
	}
	switch r.Method {
	case protocol.MethodStatus:
		p.reply(id, p.status(ctx), nil)
	case protocol.MethodAuthenticate:
		p.authenticate(ctx, r)
	case protocol.MethodCancel:
		p.mu.Lock()
		if p.running != nil {
			p.running(protocol.ErrPageCancelled)
		}
		p.mu.Unlock()
		p.reply(id, struct{}{}, nil)
	case protocol.MethodWatch:
		result, err := p.watch(r)
		p.reply(id, result, err)
	default:
		p.reply(id, nil, protocol.UnknownMethod())
	}
}

// status gives an origin that is not allowed nothing but the protocol: neither
// version nor reader nor card.
func (p *page) status(ctx context.Context) protocol.Status {
	result := protocol.Status{Protocol: protocol.Version}
	s := p.server
	if !s.login.Allowed(p.who.Origin) {
		return result
	}
	s.cards.RefreshOutdated(ctx)
	readers, card := s.cards.Summary()
	result.Agent = &protocol.Agent{Name: state.Name, Version: s.options.Version}
	result.Readers, result.Card = &readers, card
	return result
}

// authenticate runs beside the reading, so that the page can cancel.
func (p *page) authenticate(ctx context.Context, r protocol.Request) {
	ask, bad := protocol.ParseAuthenticate(r)
	if bad != nil {
		p.reply(r.ID, nil, bad)
		return
	}
	p.mu.Lock()
	if p.running != nil {
		p.mu.Unlock()
		p.reply(r.ID, nil, protocol.Fail(protocol.CodeBusy))
		return
	}
	ctx, cancel := context.WithCancelCause(ctx)
	p.running = cancel
	p.mu.Unlock()
	lang := p.server.language.of(ask.Lang)
	go func() {
		result, err := p.logIn(ctx, ask.ChallengeNonce, lang)
		p.mu.Lock()
		p.running = nil
		p.mu.Unlock()
		cancel(nil)
		p.reply(r.ID, result, err)
		if err == nil {
			p.server.login.OfferAlways(p.who, lang)
		}
	}()
}

// logIn turns a panic into an answer: one page's login never ends the agent.
func (p *page) logIn(ctx context.Context, nonce, lang string) (result any, err *protocol.Error) {
	defer func() {
		if cause := recover(); cause != nil {
			p.server.options.Logger.Error("login panicked", "panic", fmt.Sprint(cause), "stack", string(debug.Stack()))
			result, err = nil, protocol.Internal()
		}
	}()
	token, certificateID, err := p.server.login.Authenticate(ctx, login.Request{
		Caller: p.who, Lang: lang, Nonce: nonce,
		Signed:   func(id string) { p.server.authenticated.add(p.who.Origin, id) },
		Progress: func(state protocol.Progress) { p.write(protocol.NotifyProgress(state)) },
	})
	if err != nil {
		return nil, err
	}
	p.watchFor(certificateID)
	return token, nil
}

func (p *page) watch(r protocol.Request) (any, *protocol.Error) {
	id, bad := r.StringParam("certificate", true)
	if bad != nil {
		return nil, bad
	}
	if !p.server.authenticated.has(p.who.Origin, id) {
		return nil, protocol.InvalidParams("this origin got no token with that certificate")
	}
	p.watchFor(id)
	return protocol.Watched{Present: cards.Has(p.server.cards.LastRead(), id)}, nil
}

func (p *page) watchFor(certificateID string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.watched[certificateID] = true
}

// forget takes off what is gone of what the page watches, and reports whether there
// was any.
func (p *page) forget(gone func(id string) bool) (any bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id := range p.watched {
		if gone(id) {
			delete(p.watched, id)
			any = true
		}
	}
	return any
}

func (p *page) reply(id json.RawMessage, result any, err *protocol.Error) {
	p.write(protocol.Reply(id, result, err))
}

func (p *page) write(message []byte) {
	p.writes.Lock()
	defer p.writes.Unlock()
	_ = p.socket.SetWriteDeadline(time.Now().Add(writeLimit))
	if err := p.socket.WriteMessage(websocket.TextMessage, message); err != nil {
		// A page that does not read is gone; the reading side sees the close.
		_ = p.socket.Close()
	}
}

// pages are those that are connected. The zero value is ready.
type pages struct {
	mu  sync.Mutex
	all map[*page]bool
}

func (s *pages) add(p *page) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[*page]bool{}
	}
	s.all[p] = true
}

func (s *pages) remove(p *page) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, p)
}

// cardsRemoved notifies the pages that authenticated with a card that is gone, or
// watch it, each once.
func (s *pages) cardsRemoved(gone func(id string) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p := range s.all {
		if p.forget(gone) {
			go p.write(protocol.NotifyCardRemoved())
		}
	}
}

// authenticated remembers which origins got a token with which certificate, in
// this run of the agent: only they may watch it. The zero value is ready.
type authenticated struct {
	mu   sync.Mutex
	seen map[[2]string]bool
}

func (a *authenticated) add(origin, id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.seen == nil {
		a.seen = map[[2]string]bool{}
	}
	a.seen[[2]string{origin, id}] = true
}

func (a *authenticated) has(origin, id string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.seen[[2]string{origin, id}]
}
