package gate

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cpx-bridge/cpx-bridge/agent/peer"
	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/internal/broadcast"
	"github.com/cpx-bridge/cpx-bridge/internal/filewatch"
	"github.com/cpx-bridge/cpx-bridge/internal/programname"
)

const (
	listedOrigin = "https://portail.example.fr"
	otherOrigin  = "https://autre.example.fr"
	subprotocol  = "cpx.v1"
)

type setup struct {
	settings string
	owner    func(local, remote netip.AddrPort) (peer.Identity, error)
	logTo    io.Writer
	now      func() time.Time
	wss      LocalCertificate
	pages    *testPages
	page     func(*websocket.Conn, peer.Caller) Page // instead of one of pages
}

// serve serves pages that get back what they send.
func serve(t *testing.T, o setup) *Gate {
	t.Helper()
	if o.settings == "" {
		o.settings = "[origins]\nmode = \"listed\"\nallow = [\"" + listedOrigin + "\"]\n"
	}
	g := newGate(t, o)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return g
}

func newGate(t *testing.T, o setup) *Gate {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(file, []byte(o.settings), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := policy.Load(policy.Paths{User: file})
	if err != nil {
		t.Fatal(err)
	}
	p.Ports.First, p.Ports.Count = 30000+int(time.Now().UnixNano()%20000), 100
	p.WSS.First, p.WSS.Count = p.Ports.First+p.Ports.Count, p.Ports.Count
	if o.owner == nil {
		o.owner = func(netip.AddrPort, netip.AddrPort) (peer.Identity, error) {
			return peer.Self(func(context.Context) []programname.File { return []programname.File{{Path: "/usr/bin/test"}} }), nil
		}
	}
	if o.logTo == nil {
		o.logTo = io.Discard
	}
	if o.pages == nil {
		o.pages = &testPages{now: time.Now}
	}
	if o.page == nil {
		o.page = o.pages.open
	}
	signal := &broadcast.Signal{}
	listen := func(ctx context.Context) <-chan struct{} { return signal.Listen(ctx) }
	g, err := New(Options{
		Policy: p, Logger: slog.New(slog.NewTextHandler(o.logTo, nil)), Page: o.page, Subprotocol: subprotocol, Path: "/v1",
		Allowed: func(origin string) bool { return p.Decide(origin) == policy.Allowed },
		Owner:   o.owner, Now: o.now, Certificate: o.wss, Changes: listen, Changed: signal.Publish,
	})
	if err != nil {
		t.Fatal(err)
	}
	if o.wss != nil { // as the agent does
		go func() { _ = filewatch.Watch(t.Context(), []string{o.wss.File()}, signal.Publish) }()
	}
	return g
}

// changes wakes when what the gate says of itself has changed.
func changes(t *testing.T, g *Gate) <-chan struct{} { t.Helper(); return g.Changes(t.Context()) }

// testPage sends back what it gets, and is of the use that the test says.
type testPage struct {
	socket    *websocket.Conn
	who       peer.Caller
	displaced chan struct{} // closed when it makes room

	mu    sync.Mutex
	use   Use
	since time.Time
}

func (p *testPage) Serve(ctx context.Context) {
	defer p.socket.Close()
	defer context.AfterFunc(ctx, func() { _ = p.socket.Close() })()
	for {
		kind, message, err := p.socket.ReadMessage()
		if err != nil || p.socket.WriteMessage(kind, message) != nil {
			return
		}
	}
}

func (p *testPage) Use() (Use, time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.use, p.since
}

func (p *testPage) Displace(greatest Use) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.use > greatest {
		return false
	}
	close(p.displaced)
	return true
}

func (p *testPage) set(use Use, since time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.use, p.since = use, since
}

// testPages are those that the gate has opened.
type testPages struct {
	now    func() time.Time
	opened chan *testPage // nil: nobody wants them
}

func (s *testPages) open(socket *websocket.Conn, who peer.Caller) Page {
	p := &testPage{socket: socket, who: who, displaced: make(chan struct{}), since: s.now()}
	if s.opened != nil {
		s.opened <- p
	}
	return p
}

func echo(t *testing.T, socket *websocket.Conn, text string) string {
	t.Helper()
	if err := socket.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		t.Fatal(err)
	}
	_, message, err := socket.ReadMessage()
	if err != nil {
		t.Fatal(err)
	}
	return string(message)
}

func connect(g *Gate, header http.Header) (*websocket.Conn, *http.Response, error) {
	d := websocket.Dialer{Subprotocols: []string{subprotocol}}
	return d.Dial(fmt.Sprintf("ws://127.0.0.1:%d/v1", g.Port()), header)
}

func open(t *testing.T, g *Gate, origin string) *websocket.Conn {
	t.Helper()
	socket, response, err := connect(g, http.Header{"Origin": {origin}})
	if err != nil {
		t.Fatalf("%s: %v %v", origin, err, response)
	}
	t.Cleanup(func() { _ = socket.Close() })
	return socket
}

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
