package agent

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cpx-bridge/cpx-bridge/agent/gate"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/agent/protocol"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/fakes"
)

// closedWith waits for the close of a page's socket, and returns its code.
func (p *testPage) closedWith() int {
	p.t.Helper()
	_ = p.socket.SetReadDeadline(time.Now().Add(30 * time.Second))
	for {
		_, message, err := p.socket.ReadMessage()
		var closed *websocket.CloseError
		if errors.As(err, &closed) {
			return closed.Code
		}
		if err != nil {
			p.t.Fatalf("no close: %v", err)
		}
		p.t.Errorf("before the close: %s", message)
	}
}

// lives fails the test where a page's socket does not answer.
func (p *testPage) lives() {
	p.t.Helper()
	p.send(`{"jsonrpc":"2.0","id":"lives","method":"status"}`)
	if a := p.answer(); a.Error != nil || string(a.ID) != `"lives"` {
		p.t.Errorf("%+v", a)
	}
}

// TestIdlePageIsDisplaced: from the seventeenth tab of an allowed site on, the oldest that
// does nothing gets a close with the code for "try again later". One that logs in and
// one that watches its card stay, and what runs there ends well.
func TestIdlePageIsDisplaced(t *testing.T) {
	pool, person := fakes.OneCard(t)
	begun, answer := make(chan struct{}), make(chan []byte)
	person.OnPIN = func(context.Context, prompt.PIN) ([]byte, error) {
		begun <- struct{}{}
		return <-answer, nil
	}
	s := serve(t, setup{pool: pool, person: person})
	watching, running, idle := openPage(t, s, listedOrigin), openPage(t, s, listedOrigin), openPage(t, s, listedOrigin)
	watching.authenticate(1)
	<-begun
	answer <- []byte("1234")
	if a := watching.answer(); a.Error != nil {
		t.Fatalf("%+v", a.Error)
	}
	running.authenticate(1)
	<-begun
	idle.lives() // which is no use that keeps a place
	for range 16 - 2 {
		openPage(t, s, listedOrigin)
	}
	if code := idle.closedWith(); code != websocket.CloseTryAgainLater {
		t.Errorf("closed with %d", code)
	}
	answer <- []byte("1234")
	if a := running.answer(); a.Error != nil {
		t.Errorf("%+v", a.Error)
	}
	watching.lives()
}

// TestFortyTabsThatWatch: each tab of a portal watches the card of the person who logged
// in there. All stay, and a login goes on.
func TestFortyTabsThatWatch(t *testing.T) {
	pool, person := fakes.OneCard(t)
	person.OnPIN = func(context.Context, prompt.PIN) ([]byte, error) { return []byte("1234"), nil }
	s := serve(t, setup{pool: pool, person: person})
	first := openPage(t, s, listedOrigin)
	first.authenticate(1)
	if a := first.answer(); a.Error != nil {
		t.Fatalf("%+v", a.Error)
	}
	id := s.cards.LastRead().Certificates[0].ID
	tabs := []*testPage{first}
	for range 40 {
		p := openPage(t, s, listedOrigin)
		p.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"watch","params":{"certificate":%q}}`, id))
		if a := p.answer(); a.Error != nil {
			t.Fatalf("%+v", a.Error)
		}
		tabs = append(tabs, p)
	}
	next := openPage(t, s, listedOrigin)
	next.authenticate(1)
	if a := next.answer(); a.Error != nil {
		t.Errorf("%+v", a.Error)
	}
	for _, p := range tabs {
		p.lives()
	}
}

// only is the one page that is connected.
func (s *pages) only(t *testing.T) *page {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.all) != 1 {
		t.Fatalf("%d pages", len(s.all))
	}
	for p := range s.all {
		return p
	}
	return nil
}

// TestNothingBegunOnceDisplaced: a request that crosses with the close is not begun, so that
// the page may make it again.
func TestNothingBegunOnceDisplaced(t *testing.T) {
	pool, person := fakes.OneCard(t)
	asked := make(chan struct{}, 8)
	person.OnPIN = func(context.Context, prompt.PIN) ([]byte, error) {
		asked <- struct{}{}
		return nil, prompt.ErrCancelled
	}
	s := serve(t, setup{pool: pool, person: person})
	p := openPage(t, s, listedOrigin)
	p.lives()
	p.socket.SetCloseHandler(func(int, string) error { return nil }) // the close is not answered yet
	page := s.pages.only(t)
	if !page.Displace(gate.Idle) {
		t.Fatal("an idle page makes no room")
	}
	p.authenticate(1)
	// As where the request was being read at that moment.
	crossing, _, bad := protocol.ParseRequest([]byte(`{"jsonrpc":"2.0","id":2,"method":"authenticate","params":{"challengeNonce":"` + testNonce + `"}}`))
	if bad != nil {
		t.Fatal(bad)
	}
	page.authenticate(t.Context(), crossing)
	if page.watchFor("a") {
		t.Error("a page that is displaced watches")
	}
	if code := p.closedWith(); code != websocket.CloseTryAgainLater {
		t.Errorf("closed with %d", code)
	}
	if len(asked) > 0 {
		t.Error("the login was begun")
	}
}

// TestUse: what a page does with its socket, and since when.
func TestUse(t *testing.T) {
	var passed atomic.Int64 // minutes
	now := func() time.Time { return time.Unix(1e9, 0).Add(time.Duration(passed.Load()) * time.Minute) }
	pool, person := fakes.OneCard(t)
	s := serve(t, setup{pool: pool, person: person, now: now})
	p := openPage(t, s, listedOrigin)
	p.lives()
	page := s.pages.only(t)
	check := func(want gate.Use, since time.Time) {
		t.Helper()
		if use, at := page.Use(); use != want || !at.Equal(since) {
			t.Errorf("use %d since %v, want %d since %v", use, at, want, since)
		}
	}
	check(gate.Idle, now())
	opened := now()
	passed.Add(1)
	p.lives()
	check(gate.Idle, opened)
	page.watchFor("a")
	page.watchFor("b")
	check(gate.Watching, now())
	if page.Displace(gate.Idle) {
		t.Error("a page that watches made room for one more")
	}
	passed.Add(1)
	page.forget(func(id string) bool { return id == "a" })
	check(gate.Watching, now().Add(-time.Minute))
	page.forget(func(string) bool { return true })
	check(gate.Idle, now())
}

// TestTokenIsSentFirst: a login counts until its answer is sent, which the page would
// else have made again.
func TestTokenIsSentFirst(t *testing.T) {
	pool, person := fakes.OneCard(t)
	var page *page
	person.OnPIN = func(context.Context, prompt.PIN) ([]byte, error) {
		page.writes.Lock() // the answer cannot be sent
		return nil, prompt.ErrCancelled
	}
	s := serve(t, setup{pool: pool, person: person})
	p := openPage(t, s, listedOrigin)
	p.lives()
	page = s.pages.only(t)
	p.authenticate(1)
	for { // until the login has ended
		page.mu.Lock()
		ended := page.answering > 0
		page.mu.Unlock()
		if ended {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if page.Displace(gate.Watching) {
		t.Error("a page whose answer is under way made room")
	}
	page.writes.Unlock()
	if a := p.answer(); a.Error == nil || a.Error.Code != protocol.CodeCancelled {
		t.Errorf("%+v", a)
	}
}
