package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cpx-bridge/cpx-bridge/agent/cards"
	"github.com/cpx-bridge/cpx-bridge/agent/gate"
	"github.com/cpx-bridge/cpx-bridge/agent/login"
	"github.com/cpx-bridge/cpx-bridge/agent/peer"
	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/agent/protocol"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/audit"
)

const writeLimit = 10 * time.Second

// errPanicked ends a login that panicked; the line before its own says where.
var errPanicked = errors.New("agent: the login panicked")

// page is one page's connection.
type page struct {
	server *Server
	socket *websocket.Conn
	who    peer.Caller

	writes sync.Mutex // gorilla/websocket wants one writer at a time

	mu        sync.Mutex
	running   *login.Running  // the authenticate that runs, or nil
	answering int             // authenticates that have ended and whose answer is not sent
	watched   map[string]bool // certificates of whose removal this page is notified
	since     time.Time       // since when it has been of no more use than now
	displaced bool            // its socket closes: nothing is begun any more
}

func (s *Server) newPage(socket *websocket.Conn, who peer.Caller) gate.Page {
	return &page{server: s, socket: socket, who: who, watched: map[string]bool{}, since: s.options.Now()}
}

// Serve answers the page until it closes or ctx ends.
func (p *page) Serve(ctx context.Context) {
	s, socket := p.server, p.socket
	s.pages.add(p)
	p.closeRefused() // the settings may have changed since it was let in, when it was not among the pages
	stop := context.AfterFunc(ctx, func() {
		p.close(websocket.CloseGoingAway, "the agent ends")
		_ = socket.Close()
	})
	ctx, cancel := context.WithCancelCause(ctx)
	defer func() {
		p.cancel() // a closed socket cancels
		cancel(protocol.ErrPageCancelled)
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

// Use implements gate.Page.
func (p *page) Use() (use gate.Use, since time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.use(), p.since
}

// use is what the page does with its socket; p.mu is held.
func (p *page) use() gate.Use {
	switch {
	case p.running != nil || p.answering > 0:
		return gate.Running
	case len(p.watched) > 0:
		return gate.Watching
	}
	return gate.Idle
}

// change changes what the page does with its socket, unless the socket makes room.
func (p *page) change(f func()) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.displaced {
		return false
	}
	before := p.use()
	f()
	if p.use() != before {
		p.since = p.server.options.Now()
	}
	return true
}

// closeLimit is how long a page may take to answer that its socket closes.
const closeLimit = time.Second

// Displace implements gate.Page. The page's library knows the code: it connects anew and
// repeats what was not answered, because that was not begun.
func (p *page) Displace(greatest gate.Use) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.displaced || p.use() > greatest {
		return p.displaced
	}
	p.end(websocket.CloseTryAgainLater, "room is wanted")
	return true
}

// end closes the socket, on which nothing is begun any more; p.mu is held.
func (p *page) end(code int, text string) {
	p.displaced = true
	go func() {
		p.close(code, text)
		_ = p.socket.SetReadDeadline(time.Now().Add(closeLimit)) // a close that is not answered ends too
	}()
}

// closeRefused closes the socket of a site that the settings refuse, as they may since it
// connected. A login that runs comes to its end first.
func (p *page) closeRefused() {
	switch p.server.settings().Decide(p.who.Origin) {
	case policy.Allowed, policy.Ask:
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.displaced || p.use() == gate.Running {
		return
	}
	p.server.options.Logger.Info("socket closed: the settings refuse its site now", "origin", p.who.Origin, audit.Refusal)
	p.end(websocket.ClosePolicyViolation, "this site may not use the agent any more")
}

func (p *page) displacedNow() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.displaced
}

func (p *page) handle(ctx context.Context, message []byte) {
	p.closeRefused()
	if p.displacedNow() {
		return
	}
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
		p.cancel()
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
	var running *login.Running
	if !p.change(func() {
		if p.running == nil {
			ctx, running = p.server.login.Begin(ctx)
			p.running = running
		}
	}) {
		return
	}
	begun := p.server.options.Now()
	if running == nil {
		p.reply(r.ID, nil, p.failed(begun, protocol.Fail(protocol.CodeBusy)))
		return
	}
	lang := p.server.language.of(ask.Lang)
	go func() {
		result, certificateID, err := p.logIn(ctx, running, ask.ChallengeNonce, lang)
		if p.answer(r.ID, running, begun, result, err) {
			p.server.login.OfferAlways(p.who, lang, certificateID)
		}
		p.closeRefused()
	}()
}

// answer ends an authenticate. What is decided goes out before the answer to a cancel
// that comes later can: a page whose cancel was answered gets no token.
func (p *page) answer(id json.RawMessage, running *login.Running, begun time.Time, result any, err *protocol.Error) (token bool) {
	p.change(func() { p.answering++ })
	defer p.change(func() { p.answering-- })
	p.writes.Lock()
	defer p.writes.Unlock()
	token = running.End(err == nil)
	p.change(func() { p.running = nil })
	if err == nil && !token {
		result, err = nil, p.failed(begun, protocol.ErrPageCancelled)
	}
	p.writeNow(protocol.Reply(id, result, err))
	return token
}

// failed is what the page gets of a login that failed here.
func (p *page) failed(begun time.Time, err error) *protocol.Error {
	return p.server.login.Failed(p.who, begun, err)
}

// cancel ends the authenticate that runs, if one does.
func (p *page) cancel() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running != nil {
		p.running.Cancel()
	}
}

// logIn turns a panic into an answer: one page's login never ends the agent.
func (p *page) logIn(ctx context.Context, running *login.Running, nonce, lang string) (result any, certificateID string, err *protocol.Error) {
	begun := p.server.options.Now()
	defer func() {
		if cause := recover(); cause != nil {
			p.server.options.Logger.Error("login panicked", "panic", fmt.Sprint(cause), "stack", string(debug.Stack()))
			result, err = nil, p.failed(begun, errPanicked)
		}
	}()
	token, certificateID, err := p.server.login.Authenticate(ctx, login.Request{
		Running: running, Caller: p.who, Lang: lang, Nonce: nonce,
		Signed:   func(id string) { p.server.authenticated.add(p.who.Origin, id) },
		Progress: func(state protocol.Progress) { p.write(protocol.NotifyProgress(state)) },
	})
	if err != nil {
		return nil, "", err
	}
	p.watchFor(certificateID)
	return token, certificateID, nil
}

func (p *page) watch(r protocol.Request) (any, *protocol.Error) {
	id, bad := r.StringParam("certificate", true)
	if bad != nil {
		return nil, bad
	}
	if !p.server.authenticated.has(p.who.Origin, id) {
		return nil, protocol.InvalidParams("this origin got no token with that certificate")
	}
	if !p.watchFor(id) {
		return nil, protocol.Fail(protocol.CodeBusy)
	}
	return protocol.Watched{Present: cards.Has(p.server.cards.LastRead(), id)}, nil
}

func (p *page) watchFor(certificateID string) bool {
	return p.change(func() { p.watched[certificateID] = true })
}

// forget takes off what is gone of what the page watches, and reports whether there
// was any.
func (p *page) forget(gone func(id string) bool) (any bool) {
	p.change(func() {
		for id := range p.watched {
			if gone(id) {
				delete(p.watched, id)
				any = true
			}
		}
	})
	return any
}

func (p *page) reply(id json.RawMessage, result any, err *protocol.Error) {
	p.write(protocol.Reply(id, result, err))
}

func (p *page) write(message []byte) {
	p.writes.Lock()
	defer p.writes.Unlock()
	p.writeNow(message)
}

// writeNow is for the holder of writes.
func (p *page) writeNow(message []byte) {
	if p.displacedNow() {
		return // nothing comes after the close
	}
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

// closeRefused closes those of sites that the settings refuse.
func (s *pages) closeRefused() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p := range s.all {
		p.closeRefused()
	}
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
