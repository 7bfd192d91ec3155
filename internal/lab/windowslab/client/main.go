// Command client is a page's side of one request, on whatever system it is built for: it
// dials the agent, asks for a token, and prints what comes, a JSON text a line, as
// testdata/node/client.mjs does.
//
//	client PORT ORIGIN NONCE [HOST]    one request
//	client -hundreds N PORT            N connections that are closed at once
package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/gorilla/websocket"
)

// patience bounds a request; the agent's own limit is longer.
const patience = 3 * time.Minute

func main() {
	args := os.Args[1:]
	if len(args) == 3 && args[0] == "-hundreds" {
		n, err := strconv.Atoi(args[1])
		if err != nil {
			os.Exit(2)
		}
		hundreds(n, net.JoinHostPort("127.0.0.1", args[2]))
		return
	}
	if len(args) < 3 || len(args) > 4 {
		fmt.Fprintln(os.Stderr, "usage: client PORT ORIGIN NONCE [HOST] | client -hundreds N PORT")
		os.Exit(2)
	}
	host := "127.0.0.1"
	if len(args) == 4 {
		host = args[3]
	}
	request(net.JoinHostPort(host, args[0]), args[1], args[2])
}

func say(values map[string]any) { _ = json.NewEncoder(os.Stdout).Encode(values) }

// request asks for a token and prints all that comes until the answer.
func request(address, origin, nonce string) {
	d := websocket.Dialer{Subprotocols: []string{"cpx.v1"}, HandshakeTimeout: patience}
	socket, response, err := d.Dial("ws://"+address+"/v1", http.Header{"Origin": {origin}})
	if err != nil {
		status := 0
		if response != nil {
			status = response.StatusCode
		}
		say(map[string]any{"event": "refused", "status": status, "text": err.Error()})
		return
	}
	defer socket.Close()
	say(map[string]any{"event": "open"})
	_ = socket.SetReadDeadline(time.Now().Add(patience))
	err = socket.WriteJSON(map[string]any{"jsonrpc": "2.0", "id": 1, "method": "authenticate",
		"params": map[string]string{"challengeNonce": nonce, "lang": "fr"}})
	for err == nil {
		var m struct {
			ID json.RawMessage `json:"id"`
		}
		var text []byte
		if _, text, err = socket.ReadMessage(); err != nil {
			break
		}
		fmt.Printf("%s\n", text)
		if json.Unmarshal(text, &m) == nil && len(m.ID) > 0 {
			return
		}
	}
	say(map[string]any{"event": "closed", "text": err.Error()})
}

// hundreds makes connections that are closed at once, and prints how many were made.
func hundreds(n int, address string) {
	made := 0
	for range n {
		conn, err := net.DialTimeout("tcp", address, patience)
		if err != nil {
			continue
		}
		made++
		_ = conn.Close()
	}
	say(map[string]any{"event": "made", "connections": made})
}
