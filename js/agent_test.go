package js

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/gorilla/websocket"
)

// events records events of agents and portal, in their order.
type events struct {
	mu   sync.Mutex
	list []string
	more chan struct{} // closed by the next event
}

func newEvents() *events { return &events{more: make(chan struct{})} }

func (e *events) add(format string, args ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, fmt.Sprintf(format, args...))
	close(e.more)
	e.more = make(chan struct{})
}

func (e *events) all() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.list)
}

// happened waits until the event has been recorded; it returns false where the
// context ends first.
func (e *events) happened(ctx context.Context, event string) bool {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		e.mu.Lock()
		there, more := slices.Contains(e.list, event), e.more
		e.mu.Unlock()
		if there {
			return true
		}
		select {
		case <-more:
		case <-ctx.Done():
			return false
		}
	}
}

// await fails the test where the event does not happen.
func (e *events) await(t *testing.T, event string) {
	t.Helper()
	if !e.happened(t.Context(), event) {
		t.Fatalf("%q did not happen: %v", event, e.all())
	}
}

// request is a message from the page.
type request struct {
	ID     int    `json:"id"`
	Method string `json:"method"`
	Params struct {
		ChallengeNonce string `json:"challengeNonce"`
		Lang           string `json:"lang"`
		Certificate    string `json:"certificate"`
	} `json:"params"`
}

// answer plays an agent: it is called for every request but status.
type answer func(send func(format string, args ...any), r request)

// freePorts opens n consecutive ports, below those that the system assigns.
func freePorts(t *testing.T, n int) (int, []net.Listener) {
	t.Helper()
search:
	for range 200 {
		first := 20000 + rand.IntN(7000)
		var list []net.Listener
		for i := range n {
			l, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", first+i))
			if err != nil {
				for _, l := range list {
					l.Close()
				}
				continue search
			}
			list = append(list, l)
		}
		t.Cleanup(func() {
			for _, l := range list {
				l.Close()
			}
		})
		return first, list
	}
	t.Fatal("no free ports")
	return 0, nil
}

// agentOn serves the agent's protocol on l, and records events under a name.
func agentOn(t *testing.T, l net.Listener, name string, e *events, status string, reply answer) {
	t.Helper()
	up := websocket.Upgrader{Subprotocols: []string{"cpx.v1"}, CheckOrigin: func(*http.Request) bool { return true }}
	serve(t, l, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1" || r.Header.Get("Origin") == "" {
			http.Error(w, "", http.StatusForbidden)
			return
		}
		e.add("%s dialled", name)
		conn, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer conn.Close()
		play(conn, name, e, status, reply)
		e.add("%s closed", name)
	})
}

func play(conn *websocket.Conn, name string, e *events, status string, reply answer) {
	var mu sync.Mutex
	send := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		if format == "close" {
			conn.Close()
			return
		}
		// That the page is gone is noticed by the reader below.
		_ = conn.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, format, args...))
	}
	for {
		_, text, err := conn.ReadMessage()
		if err != nil {
			return
		}
		var r request
		if err := json.Unmarshal(text, &r); err != nil {
			e.add("%s got nonsense: %s", name, text)
			return
		}
		e.add("%s %s", name, r.Method)
		if r.Method == "status" {
			if status != "" {
				send(status, r.ID)
			}
			continue
		}
		reply(send, r)
	}
}

const goodStatus = `{"jsonrpc":"2.0","id":%d,"result":{"protocol":1}}`

func serve(t *testing.T, l net.Listener, h http.HandlerFunc) {
	server := &http.Server{Handler: h}
	go server.Serve(l) //nolint:errcheck // ends with Close
	t.Cleanup(func() { server.Close() })
}

// squatOn accepts connections and never sends anything.
func squatOn(t *testing.T, l net.Listener, name string, e *events) {
	var mu sync.Mutex
	var held []net.Conn
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			held = append(held, c)
			mu.Unlock()
			e.add("%s dialled", name)
		}
	}()
	t.Cleanup(func() {
		mu.Lock()
		defer mu.Unlock()
		for _, c := range held {
			c.Close()
		}
	})
}

// closeOn is another user's agent: it closes each connection that it accepts.
func closeOn(l net.Listener) {
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
}
