package gate

import (
	"context"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cpx-bridge/cpx-bridge/agent/peer"
)

// shortPage is a page whose Serve is a function.
type shortPage func()

func (p shortPage) Serve(context.Context)    { p() }
func (shortPage) Use() (Use, time.Time)      { return Idle, time.Time{} }
func (shortPage) Displace(greatest Use) bool { return false }

// TestPageHasNoRequest: a page that waits holds no request of net/http's, whose buffers
// are more than its own.
func TestPageHasNoRequest(t *testing.T) {
	stack := make(chan string, 1)
	g := serve(t, setup{page: func(socket *websocket.Conn, _ peer.Caller) Page {
		return shortPage(func() {
			stack <- string(debug.Stack())
			_ = socket.Close()
		})
	}})
	open(t, g, listedOrigin)
	if frames := <-stack; strings.Contains(frames, "net/http") {
		t.Errorf("a page is served within its request:\n%s", frames)
	}
}

// TestPagePanics: a page that panics ends alone, and gives back its place.
func TestPagePanics(t *testing.T) {
	var log lockedBuffer
	g := serve(t, setup{logTo: &log, page: func(*websocket.Conn, peer.Caller) Page {
		return shortPage(func() { panic("TEST") })
	}})
	socket := open(t, g, listedOrigin)
	_ = socket.SetReadDeadline(time.Now().Add(time.Minute))
	if _, _, err := socket.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseAbnormalClosure) {
		t.Errorf("the socket is still open: %v", err)
	}
	if list, _ := g.sockets.copy(); len(list) > 0 {
		t.Errorf("%d places are taken", len(list))
	}
	if !strings.Contains(log.String(), "page panicked") {
		t.Errorf("the log:\n%s", log.String())
	}
}

// TestCapacityCostsNothing: where there is room, a place is taken without a list of those that
// have one: 25 kB for each of 256 pages.
func TestCapacityCostsNothing(t *testing.T) {
	var s sockets
	for range maxSockets - 1 {
		s.list = append(s.list, &admission{})
	}
	p := &admission{domain: "example.fr"}
	allocations := testing.AllocsPerRun(10, func() {
		if !s.addToFree(p) {
			t.Fatal("no room")
		}
		s.remove(p)
	})
	if allocations > 0 {
		t.Errorf("%v allocations", allocations)
	}
}
