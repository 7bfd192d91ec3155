package agent_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"

	"github.com/gorilla/websocket"

	"github.com/cpx-bridge/cpx-bridge/agent"
	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/fakes"
)

// settings allow one portal.
func settings() *policy.Effective {
	dir, err := os.MkdirTemp("", "cpx-agent")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "config.toml")
	text := "[origins]\nmode = \"listed\"\nallow = [\"https://portail.example.fr\"]\n\n[ports]\nfirst = 27900\ncount = 50\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		log.Fatal(err)
	}
	settings, err := policy.Load(policy.Paths{User: file})
	if err != nil {
		log.Fatal(err)
	}
	return settings
}

// page is a page of a site, which speaks to the agent as the library in js/ does.
func page(port int, origin string) (*websocket.Conn, error) {
	dialer := websocket.Dialer{Subprotocols: []string{"cpx.v1"}}
	socket, _, err := dialer.Dial(fmt.Sprintf("ws://127.0.0.1:%d/v1", port), http.Header{"Origin": {origin}})
	return socket, err
}

// An agent that serves one portal's pages until its context ends.
func Example() {
	server, err := agent.New(agent.Options{
		Policy:   settings(),
		Pool:     &fakes.Pool{},  // *pkcs11.Pool
		Prompter: fakes.Person{}, // prompt.New
		Logger:   slog.New(slog.DiscardHandler),
		Version:  "1.0",
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx) }()

	socket, err := page(server.Port(), "https://portail.example.fr")
	if err != nil {
		log.Fatal(err)
	}
	var answer struct {
		Result struct {
			Protocol int
			Agent    struct{ Name, Version string }
		}
	}
	if err := socket.WriteJSON(map[string]any{"jsonrpc": "2.0", "id": 1, "method": "status"}); err != nil {
		log.Fatal(err)
	}
	if err := socket.ReadJSON(&answer); err != nil {
		log.Fatal(err)
	}
	fmt.Println(answer.Result.Protocol, answer.Result.Agent.Name, answer.Result.Agent.Version)

	_, err = page(server.Port(), "https://autre.example.fr")
	fmt.Println("another site:", err)

	cancel()
	fmt.Println("ended:", <-ended)
	// Output:
	// 1 CPx Bridge 1.0
	// another site: websocket: bad handshake
	// ended: <nil>
}
