package attack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/gorilla/websocket"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack/browser"
)

func line09() []Attack {
	return []Attack{{Line: 9, Title: "another program holds the agent's first port, in front of a real browser", Empty: true, Play: squat}}
}

// squatter listens on the agent's first port and does as mode says.
type squatter struct {
	mu   sync.Mutex
	mode string
	seen strings.Builder // what it was sent
	n    int             // connections
}

// squatters are what such a program may do, short of speaking the protocol to the end:
// that is a known weakness.
var squatters = []string{"silent", "closes", "garbage", "another protocol", "status without end", "another version"}

func squat(w *World, r *Record) error {
	if _, err := browser.Find(); errors.Is(err, browser.ErrNone) {
		return Missing(err.Error())
	}
	o := stack.Options{Dir: w.Dir, Bin: w.Bin, AutoPIN: settle}
	var err error
	if w.Stack, err = stack.Prepare(w.Context, o); err != nil {
		return err
	}
	if w.Portal, err = w.StartPortal(w.Context); err != nil {
		return err
	}
	s := &squatter{}
	if err := s.listen(w); err != nil {
		return err
	}
	if w.Agent, err = w.StartAgent(w.Context, false, "--no-tray"); err != nil {
		return err
	}
	for i, mode := range squatters {
		before := s.as(mode)
		err := w.firstLogin(fmt.Sprintf("browser%d", i))
		connections, seen := s.since(before)
		r.Check(err == nil && connections > 0, "a login while the port's program is "+mode, "%d connections to it, the page: %s", connections, outcome(err))
		learned := slices.ContainsFunc([]string{"authenticate", "challengeNonce", w.Cards[0].Holder, w.Cards[0].Identifier}, func(secret string) bool { return strings.Contains(seen, secret) })
		r.Check(!learned, "what a "+mode+" program was sent", "%d bytes, neither nonce nor holder: %v", len(seen), !learned)
	}
	return w.doctorNames(r)
}

// firstLogin logs in with a browser that was never here, which knows no port that was
// good last time.
func (w *World) firstLogin(profile string) error {
	tab, end, err := browser.Start(w.Context, browser.Options{Home: w.Path(profile), Origin: w.Origin, Lang: "fr"})
	if err != nil {
		return err
	}
	defer end()
	steps := stack.LoginSteps(w.Stack)
	return errors.Join(steps[0].Do(tab), steps[1].Do(tab))
}

func outcome(err error) string {
	if err != nil {
		return err.Error()
	}
	return "logged in through the next port"
}

// doctorNames: the doctor says that the port is held, and by which program.
func (w *World) doctorNames(r *Record) error {
	out, _ := w.Command(w.Context, "cpx-agent", "doctor", "--json", "--config", w.Path("agent.toml")).Output() // its status is 1 where there is a problem
	var report struct {
		Findings []struct{ Code, Text string }
	}
	if err := json.Unmarshal(out, &report); err != nil {
		return fmt.Errorf("doctor: %w: %.200s", err, out)
	}
	for _, f := range report.Findings {
		if f.Code == "port_taken" {
			_, port, _ := net.SplitHostPort(w.AgentAddress())
			r.Check(strings.Contains(f.Text, port), "cpx-agent doctor", "%s", f.Text)
			return nil
		}
	}
	r.Check(false, "cpx-agent doctor", "no finding port_taken in %s", out)
	return nil
}

func (s *squatter) listen(w *World) error {
	_, port, err := net.SplitHostPort(w.AgentAddress())
	if err != nil {
		return err
	}
	for _, host := range []string{"127.0.0.1", "::1"} {
		l, err := net.Listen("tcp", net.JoinHostPort(host, port))
		if err != nil {
			return err
		}
		server := &http.Server{Handler: s, ConnState: func(c net.Conn, state http.ConnState) { s.opened(c, state) }}
		go func() { _ = server.Serve(l) }()
		context.AfterFunc(w.Context, func() { _ = server.Close() })
	}
	return nil
}

func (s *squatter) opened(c net.Conn, state http.ConnState) {
	if state != http.StateNew {
		return
	}
	s.mu.Lock()
	s.n++
	mode := s.mode
	s.mu.Unlock()
	if mode == "closes" {
		_ = c.Close()
	}
}

// as changes what the program does, and returns how many connections there were.
func (s *squatter) as(mode string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mode = mode
	s.seen.Reset()
	return s.n
}

func (s *squatter) since(before int) (connections int, seen string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n - before, s.seen.String()
}

func (s *squatter) note(text []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen.Write(text)
}

func (s *squatter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.note(fmt.Appendf(nil, "%s %s %v\n", r.Method, r.URL, r.Header))
	s.mu.Lock()
	mode := s.mode
	s.mu.Unlock()
	switch mode {
	case "silent":
		<-r.Context().Done()
		return
	case "garbage":
		_, _ = io.WriteString(w, strings.Repeat("garbage ", 1<<16))
		return
	}
	upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }, Subprotocols: []string{"cpx.v1"}}
	if mode == "another protocol" {
		upgrader.Subprotocols = []string{"webeid"}
	}
	socket, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer socket.Close()
	for {
		_, message, err := socket.ReadMessage()
		if err != nil {
			return
		}
		s.note(message)
		var request struct{ ID json.RawMessage }
		_ = json.Unmarshal(message, &request)
		if mode == "another version" {
			_ = socket.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%s,"result":{"protocol":99}}`, request.ID))
		}
	}
}
