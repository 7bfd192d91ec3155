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
