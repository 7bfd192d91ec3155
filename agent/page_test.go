package agent

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/agent/protocol"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/fakes"
)

// lockedBuffer is a log that the server writes while the test reads.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestFrames(t *testing.T) {
	pool, person := fakes.OneCard(t)
	s := serve(t, setup{pool: pool, person: person})
	for name, send := range map[string]func(*websocket.Conn) error{
		"binary": func(c *websocket.Conn) error { return c.WriteMessage(websocket.BinaryMessage, []byte(`{}`)) },
		"huge": func(c *websocket.Conn) error {
			return c.WriteMessage(websocket.TextMessage, bytes.Repeat([]byte{' '}, protocol.MaxMessage+1))
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := openPage(t, s, listedOrigin)
			if err := send(p.socket); err != nil {
				t.Fatal(err)
			}
			var closed *websocket.CloseError
			if _, _, err := p.socket.ReadMessage(); !errors.As(err, &closed) {
				t.Errorf("%v, want a close", err)
			}
		})
	}
}

// TestNoPINInLog: whatever the level, what a person types is nowhere.
func TestNoPINInLog(t *testing.T) {
	pool, person := fakes.OneCard(t)
	person.OnPIN = func(context.Context, prompt.PIN) ([]byte, error) { return []byte("1234"), nil }
	log := &lockedBuffer{}
	p := openPage(t, serve(t, setup{pool: pool, person: person, logTo: log}), listedOrigin)
	p.authenticate(1)
	if a := p.answer(); a.Error != nil {
		t.Fatal(a.Error)
	}
	for _, line := range strings.Split(log.String(), "\n") {
		if strings.Contains(line, "=1234") || strings.Contains(line, `"1234"`) {
			t.Error(line)
		}
	}
}

// signedHook calls f once, when the log says that a login signed: its token is on its
// way to the page then.
type signedHook struct{ f func() }

func (h *signedHook) Write(line []byte) (int, error) {
	if f := h.f; f != nil && bytes.Contains(line, []byte("login signed")) {
		h.f = nil
		f()
	}
	return len(line), nil
}

// TestNothingIsSentAfterACancel: a page whose cancel was answered gets no token, also
// where the card had signed by then.
func TestNothingIsSentAfterACancel(t *testing.T) {
	pool, person := fakes.OneCard(t)
	signed, answered := make(chan struct{}), make(chan struct{})
	hook := &signedHook{f: func() {
		close(signed)
		<-answered
	}}
	p := openPage(t, serve(t, setup{pool: pool, person: person, logTo: hook}), listedOrigin)
	p.authenticate(1)
	<-signed
	p.send(`{"jsonrpc":"2.0","id":"cancel","method":"cancel"}`)
	if a := p.answer(); string(a.ID) != `"cancel"` || a.Error != nil {
		t.Fatalf("the cancel: %+v", a)
	}
	close(answered)
	a := p.answer()
	if a.Result != nil {
		t.Fatal("a token after the answer to a cancel")
	}
	want(t, a, protocol.CodeCancelled)
	p.authenticate(2)
	if a := p.answer(); a.Error != nil {
		t.Errorf("the next login: %+v", a.Error)
	}
}
