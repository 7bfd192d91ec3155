// Package e2e tests the programs as they are built and used: a card in SoftHSM, a
// pinentry program that answers in the person's place, a real browser, and the
// agent and portal as processes.
package e2e

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/knock"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
)

// bin holds the programs, built once for all tests.
var bin string

func TestMain(m *testing.M) {
	knock.RunRole()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "cpx-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	bin = dir
	root := filepath.Join("..", "..", "..")
	build := exec.Command("go", "build", "-o", dir+"/", "./cmd/...", "./internal/lab/autopin", "./internal/lab/stack/run", "./internal/lab/bareprogram/login")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
		return 1
	}
	// A second user must be able to run the test program and reach it.
	_ = os.Chmod(dir, 0o711)
	return m.Run()
}

// prepare makes a stack for one test.
func prepare(t testing.TB, o stack.Options) *stack.Stack {
	t.Helper()
	o.Dir = t.TempDir()
	if o.Bin == "" {
		o.Bin = bin
	}
	s, err := stack.Prepare(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// start starts the agent of a stack and ends it with the test.
func start(t testing.TB, s *stack.Stack) { t.Helper(); startAgent(t, s, "--no-tray") }

func startAgent(t testing.TB, s *stack.Stack, args ...string) *stack.Process {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p, err := s.StartAgent(ctx, false, args...)
	t.Cleanup(func() {
		cancel()
		if p != nil {
			_ = p.Wait()
		}
		if t.Failed() {
			text, _ := os.ReadFile(s.Path("cpx-agent.log"))
			t.Logf("cpx-agent's log:\n%s", text)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// page is a page's end of the socket.
type page struct {
	t      testing.TB
	socket *websocket.Conn
	next   int
	states []string
	at     map[string]func() // what to do at each progress state
}

func dial(s *stack.Stack, origin string) (*websocket.Conn, *http.Response, error) {
	d := websocket.Dialer{Subprotocols: []string{"cpx.v1"}, HandshakeTimeout: 10 * time.Second}
	return d.Dial("ws://"+s.AgentAddress()+"/v1", http.Header{"Origin": {origin}})
}

// open opens the portal's page.
func open(t testing.TB, s *stack.Stack) *page {
	t.Helper()
	return openAs(t, s, s.Origin)
}

// openAs opens a page of a site.
func openAs(t testing.TB, s *stack.Stack, origin string) *page {
	t.Helper()
	socket, response, err := dial(s, origin)
	if err != nil {
		t.Fatalf("dial: %v %v", err, response)
	}
	t.Cleanup(func() { _ = socket.Close() })
	return &page{t: t, socket: socket}
}

type answer struct {
	ID     json.RawMessage
	Method string
	Params struct{ State, Event string }
	Result json.RawMessage
	Error  *struct {
		Code    int
		Message string
		Data    struct {
			Reason, Detail, CKR, Reference string
			TriesLeft                      *int
			RetryAfter                     int
		}
	}
}

// call sends a request and waits for its answer, recording the progress states.
func (p *page) call(method string, params any) answer {
	p.t.Helper()
	p.next++
	request := map[string]any{"jsonrpc": "2.0", "id": p.next, "method": method}
	if params != nil {
		request["params"] = params
	}
	if err := p.socket.WriteJSON(request); err != nil {
		p.t.Fatal(err)
	}
	_ = p.socket.SetReadDeadline(time.Now().Add(time.Minute))
	for {
		var a answer
		if err := p.socket.ReadJSON(&a); err != nil {
			p.t.Fatalf("%s: %v", method, err)
		}
		if a.Method == "progress" {
			p.states = append(p.states, a.Params.State)
			if do := p.at[a.Params.State]; do != nil {
				do()
			}
			continue
		}
		if string(a.ID) == fmt.Sprint(p.next) {
			return a
		}
	}
}

func nonce(t testing.TB) string {
	t.Helper()
	b := make([]byte, 32)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(b)
}

// dialogs is the log of what the answering pinentry was asked.
func dialogs(t *testing.T, s *stack.Stack) string {
	t.Helper()
	text, err := os.ReadFile(s.Path(stack.DialogLog))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(text)
}

func asked(t *testing.T, s *stack.Stack) int { return strings.Count(dialogs(t, s), "GETPIN answered") }
