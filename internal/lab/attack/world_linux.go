package attack

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
)

// patience bounds every wait; none should take as long.
const patience = time.Minute

// settle is the script of a person whose login succeeds.
var settle = map[string]any{"pin": []string{"1234"}, "confirm": []string{"ok"}}

// World is an agent that runs, with a card, and a portal where Options has one.
type World struct {
	*stack.Stack
	Context context.Context // ends with the attack
	Dir     string          // for what the attack writes
	Bin     string
	Agent   *stack.Process
	Portal  *stack.Process // nil with AgentOnly
}

// play opens a world of its own for the attack, and ends it.
func play(ctx context.Context, dir, bin string, a Attack, r *Record) error {
	dir, err := os.MkdirTemp(dir, "a")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithCancel(ctx)
	w := &World{Context: ctx, Dir: dir, Bin: bin}
	defer func() {
		cancel()
		for _, p := range []*stack.Process{w.Agent, w.Portal} {
			if p != nil {
				_ = p.Wait() // ended by us
			}
		}
	}()
	if !a.Empty {
		if err := w.Open(a.Options); err != nil {
			return err
		}
	}
	return a.Play(w, r)
}

// Open makes the stack and starts its programs. Without a script of its own the person
// in it answers as in a good login.
func (w *World) Open(o stack.Options) (err error) {
	o.Dir, o.Bin = w.Dir, w.Bin
	if o.AutoPIN == nil && o.Pinentry == "" {
		o.AutoPIN = settle
	}
	if w.Stack, err = stack.Prepare(w.Context, o); err != nil {
		return err
	}
	if !o.AgentOnly {
		if w.Portal, err = w.StartPortal(w.Context); err != nil {
			return err
		}
	}
	w.Agent, err = w.StartAgent(w.Context, false, "--no-tray")
	return err
}

// Restart ends the agent and starts it anew: it has forgotten what it counted.
func (w *World) Restart() (err error) {
	if err := w.Agent.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	_ = w.Agent.Wait() // ended by us
	w.Agent, err = w.StartAgent(w.Context, false, "--no-tray")
	return err
}

// Log is what the agent has written to standard error.
func (w *World) Log() string {
	text, _ := os.ReadFile(w.Path("cpx-agent.log"))
	return string(text)
}

// Refused is how often the agent's log has this refusal's reason, with what it counted
// and has not written yet.
func (w *World) Refused(reason string) int {
	part := "reason=" + reason + " "
	if n := Stands(w.Log(), part); n < counted {
		return n
	}
	// Whoever asks the agent for its state has the counts written first.
	_ = w.Command(w.Context, "cpx-agent", "certs", "--config", w.Path("agent.toml")).Run() // its status is about the card
	return Stands(w.Log(), part)
}

// counted is how many of the same line the log has at most before it counts.
const counted = 5

var more = regexp.MustCompile(` more=(\d+) first=`)

// Stands is how many lines those of a log with this part stand for.
func Stands(log, part string) (n int) {
	for line := range strings.Lines(log) {
		if !strings.Contains(line, part) {
			continue
		}
		n++
		if m := more.FindStringSubmatch(line); m != nil {
			others, _ := strconv.Atoi(m[1])
			n += others - 1
		}
	}
	return n
}

// Dial opens a page's socket from this origin; header is added to the handshake.
func (w *World) Dial(origin string, header http.Header) (*Page, *http.Response, error) {
	h := http.Header{}
	if origin != "" {
		h.Set("Origin", origin)
	}
	for key, values := range header {
		h[key] = values
	}
	d := websocket.Dialer{Subprotocols: []string{"cpx.v1"}, HandshakeTimeout: patience}
	socket, response, err := d.DialContext(w.Context, "ws://"+w.AgentAddress()+"/v1", h)
	if err != nil {
		return nil, response, err
	}
	return &Page{Socket: socket}, response, nil
}

// errNoSocket says that the page's connection ended before it was a socket.
var errNoSocket = errors.New("the portal's page cannot connect")

// mostTries is how often a person clicks then.
const mostTries = 5

// Login logs in as the stack's own portal's page does, on a socket of its own. The
// error says what came instead of a token.
func (w *World) Login() error {
	p, _, err := w.Dial(w.Origin, nil)
	if err != nil {
		return fmt.Errorf("%w: %w", errNoSocket, err)
	}
	defer p.Socket.Close()
	a, err := p.Call("authenticate", map[string]any{"challengeNonce": Nonce(), "lang": "fr"})
	switch {
	case err != nil:
		return err
	case a.Error != nil:
		return fmt.Errorf("the portal's login ended with %d %s", a.Error.Code, a.Error.Data.Reason)
	case !strings.Contains(string(a.Result), `"web-eid:1.0"`):
		return errors.New("an answer without a token")
	}
	return nil
}

// Dialogs are the requests that the answering pinentry got, a line each.
func (w *World) Dialogs() []string {
	text, _ := os.ReadFile(w.Path(stack.DialogLog))
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

// Nonce is a challenge as the portal makes them.
func Nonce() string {
	nonce := make([]byte, 32)
	_, _ = rand.Read(nonce)
	return base64.StdEncoding.EncodeToString(nonce)
}

// Page is a page's end of the socket, for one caller at a time.
type Page struct {
	Socket *websocket.Conn
	States []string // of the last login
	next   int
}

// Answer is a message from the agent.
type Answer struct {
	ID     json.RawMessage
	Method string
	Params struct{ State, Event string }
	Result json.RawMessage
	Error  *struct {
		Code int
		Data struct {
			Reason, Detail string
			RetryAfter     int
		}
	}
}

// Call sends a request and waits for its answer.
func (p *Page) Call(method string, params any) (Answer, error) {
	if err := p.Send(method, params); err != nil {
		return Answer{}, err
	}
	return p.Answer()
}

// Send sends a request.
func (p *Page) Send(method string, params any) error {
	p.next++
	p.States = nil
	request := map[string]any{"jsonrpc": "2.0", "id": p.next, "method": method}
	if params != nil {
		request["params"] = params
	}
	return p.Socket.WriteJSON(request)
}

// Answer waits for the answer of the last request.
func (p *Page) Answer() (Answer, error) {
	_ = p.Socket.SetReadDeadline(time.Now().Add(5 * patience))
	for {
		var a Answer
		if err := p.Socket.ReadJSON(&a); err != nil {
			return a, err
		}
		if a.Method == "progress" {
			p.States = append(p.States, a.Params.State)
		}
		if string(a.ID) == fmt.Sprint(p.next) {
			return a, nil
		}
	}
}
