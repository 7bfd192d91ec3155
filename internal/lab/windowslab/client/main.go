// Command client is a page's side of one request, on whatever system it is built for: it
// dials the agent, asks for a token, and prints what comes, a JSON text a line, as
// testdata/node/client.mjs does.
//
//	client PORT ORIGIN NONCE [HOST]    one request; HOST may be wss://HOST
//	client -hundreds N PORT            N connections that are closed at once
//	client -pipe NAME                  opens a pipe and closes it
//	client -message CLASS NUMBER W     sends a window of that class a message, as Windows does
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
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
	if len(args) == 2 && args[0] == "-pipe" {
		pipe, err := os.OpenFile(args[1], os.O_RDWR, 0)
		if err == nil {
			err = pipe.Close()
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "client:", err)
			os.Exit(1)
		}
		return
	}
	if len(args) == 4 && args[0] == "-message" {
		message, err1 := strconv.ParseUint(args[2], 0, 32)
		parameter, err2 := strconv.ParseUint(args[3], 0, 32)
		err := errors.Join(err1, err2)
		if err == nil {
			err = send(args[1], uint32(message), uintptr(parameter))
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "client:", err)
			os.Exit(1)
		}
		return
	}
	if len(args) < 3 || len(args) > 4 {
		fmt.Fprintln(os.Stderr, "usage: client PORT ORIGIN NONCE [HOST] | client -hundreds N PORT | client -pipe NAME | client -message CLASS NUMBER W")
		os.Exit(2)
	}
	host := "127.0.0.1"
	if len(args) == 4 {
		host = args[3]
	}
	scheme := "ws://"
	if name, encrypted := strings.CutPrefix(host, "wss://"); encrypted {
		scheme, host = "wss://", name
	}
	request(scheme+net.JoinHostPort(host, args[0]), args[1], args[2])
}

func say(values map[string]any) { _ = json.NewEncoder(os.Stdout).Encode(values) }

// request asks for a token and prints all that comes until the answer.
func request(server, origin, nonce string) {
	d := websocket.Dialer{Subprotocols: []string{"cpx.v1"}, HandshakeTimeout: patience, NetDialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		// As browsers do (RFC 6761): wine's root has no hosts file.
		return new(net.Dialer).DialContext(ctx, network, strings.Replace(address, "localhost:", "127.0.0.1:", 1))
	}}
	socket, response, err := d.Dial(server+"/v1", http.Header{"Origin": {origin}})
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
