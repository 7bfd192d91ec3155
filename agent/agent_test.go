package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cpx-bridge/cpx-bridge/agent/cards"
	"github.com/cpx-bridge/cpx-bridge/agent/desktop"
	"github.com/cpx-bridge/cpx-bridge/agent/gate"
	"github.com/cpx-bridge/cpx-bridge/agent/journal"
	"github.com/cpx-bridge/cpx-bridge/agent/peer"
	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/agent/protocol"
	"github.com/cpx-bridge/cpx-bridge/agent/sites"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/fakes"
	"github.com/cpx-bridge/cpx-bridge/internal/language"
	"github.com/cpx-bridge/cpx-bridge/internal/programfile"
	"github.com/cpx-bridge/cpx-bridge/internal/programname"
	"github.com/cpx-bridge/cpx-bridge/internal/reference"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

const (
	listedOrigin = "https://portail.example.fr"
	otherOrigin  = "https://autre.example.fr"
	testNonce    = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
)

type setup struct {
	settings string
	pool     *fakes.Pool
	person   fakes.Person
	limits   Limits
	owner    func(local, remote netip.AddrPort) (peer.Identity, error)
	choice   *cards.Choice
	language *language.Choice
	policy   *policy.Effective                                       // in place of settings, where not nil
	over     Pool                                                    // in place of pool, where not nil
	session  time.Duration                                           // pin.session of the machine's policy
	desktop  func(ctx context.Context, on func(desktop.Event)) error // nil: nothing reports
	ends     func(why string)
	events   chan pcsc.Event                                     // what PC/SC reports; nil: no service
	watch    func(ctx context.Context, changed func(pcsc.Event)) // in place of events, where not nil
	now      func() time.Time
	sites    *sites.Store
	logTo    io.Writer
	level    slog.Level
	wss      gate.LocalCertificate
	prompter prompt.Prompter // in place of person, where not nil
	diagnose func(ctx context.Context, lang string) (Diagnosis, error)

	journal     *journal.Log
	inSystemLog bool

	program   *programfile.File
	startable func(ctx context.Context) error
	restart   func()
}

func serve(t *testing.T, o setup) *Server {
	t.Helper()
	if o.settings == "" {
		o.settings = "[origins]\nmode = \"listed\"\nallow = [\"" + listedOrigin + "\"]\n"
	}
	file := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(file, []byte(o.settings), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := policy.Load(policy.Paths{User: file})
	if o.policy != nil {
		p = o.policy
	}
	if err != nil {
		t.Fatal(err)
	}
	p.Ports.First, p.Ports.Count = 30000+int(time.Now().UnixNano()%20000), 100
	p.WSS.First, p.WSS.Count = p.Ports.First+p.Ports.Count, p.Ports.Count
	p.PIN.Session = o.session
	if o.owner == nil {
		o.owner = func(netip.AddrPort, netip.AddrPort) (peer.Identity, error) {
			return peer.Self(func(context.Context) []programname.File { return []programname.File{{Path: "/usr/bin/test"}} }), nil
		}
	}
	if o.logTo == nil {
		o.logTo = io.Discard
	}
	watch := func(ctx context.Context, changed func(pcsc.Event)) {
		if o.events == nil {
			changed(pcsc.Event{Err: pcsc.ErrNoService})
		}
		for {
			select {
			case e := <-o.events:
				changed(e)
			case <-ctx.Done():
				return
			}
		}
	}
	if o.watch != nil {
		watch = o.watch
	}
	if o.over == nil {
		o.over = o.pool
	}
	if o.desktop == nil {
		o.desktop = func(context.Context, func(desktop.Event)) error { return desktop.ErrUnavailable }
	}
	if o.prompter == nil {
		o.prompter = o.person
	}
	s, err := New(Options{
		Watch: watch, Desktop: o.desktop, SessionEnds: o.ends, Language: o.language,
		Policy: p, Pool: o.over, Prompter: o.prompter, Diagnose: o.diagnose, Logger: slog.New(slog.NewTextHandler(o.logTo, &slog.HandlerOptions{Level: o.level})), Version: "test",
		Owner: o.owner, Limits: o.limits, Choice: o.choice, Sites: o.sites, Now: o.now, Certificate: o.wss,
		Program: o.program, Startable: o.startable, Restart: o.restart,
		Journal: o.journal, InSystemLog: o.inSystemLog, Nameless: func(text string) string { return text },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return s
}

type testPage struct {
	t      *testing.T
	socket *websocket.Conn
}

type testAnswer struct {
	ID     json.RawMessage
	Method string
	Params struct{ State, Event string }
	Result map[string]any
	Error  *protocol.Error
}

func connect(s *Server, header http.Header) (*websocket.Conn, *http.Response, error) {
	d := websocket.Dialer{Subprotocols: []string{protocol.Subprotocol}}
	return d.Dial(fmt.Sprintf("ws://127.0.0.1:%d/v1", s.Port()), header)
}

func openPage(t *testing.T, s *Server, origin string) *testPage {
	t.Helper()
	socket, response, err := connect(s, http.Header{"Origin": {origin}})
	if err != nil {
		t.Fatalf("%s: %v %v", origin, err, response)
	}
	t.Cleanup(func() { _ = socket.Close() })
	return &testPage{t, socket}
}

func (p *testPage) send(text string) {
	p.t.Helper()
	if err := p.socket.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *testPage) authenticate(id int) {
	p.t.Helper()
	p.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"authenticate","params":{"challengeNonce":%q,"lang":"fr"}}`, id, testNonce))
}

// read returns the next message.
func (p *testPage) read() testAnswer {
	p.t.Helper()
	_ = p.socket.SetReadDeadline(time.Now().Add(30 * time.Second))
	var a testAnswer
	if err := p.socket.ReadJSON(&a); err != nil {
		p.t.Fatal(err)
	}
	return a
}

// answer skips the progress.
func (p *testPage) answer() testAnswer {
	p.t.Helper()
	for {
		if a := p.read(); a.Method == "" {
			return a
		}
	}
}

// progress waits for a state.
func (p *testPage) progress(state protocol.Progress) {
	p.t.Helper()
	for {
		a := p.read()
		if a.Method == "progress" && a.Params.State == string(state) {
			return
		}
		if a.Method == "" {
			p.t.Fatalf("an answer instead of %s: %+v", state, a)
		}
	}
}

func want(t *testing.T, a testAnswer, code int) {
	t.Helper()
	if a.Error == nil || a.Error.Code != code {
		t.Errorf("got %+v %v, want %d", a.Error, a.Result, code)
		return
	}
	if reason := protocol.Fail(code).Data.Reason; a.Error.Data == nil || a.Error.Data.Reason != reason {
		t.Errorf("got %+v, want the reason %q", a.Error.Data, reason)
		return
	}
	if !reference.Is(a.Error.Data.Reference) {
		t.Errorf("%q is no reference", a.Error.Data.Reference)
	}
}
