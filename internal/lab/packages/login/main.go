// Command login is a page and its portal in one: it finds the agent of the person who runs
// it, as a page does, logs in by card, and verifies the token against the demonstration's
// authorities. It prints the version of the agent that answered.
//
//	login ORIGIN FOLDER     FOLDER holds root.pem and intermediate.pem
package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
)

// The agent's ports where no setting names others, and how long an agent may need until it
// serves.
const (
	firstPort, ports = 27720, 10
	patience         = 90 * time.Second
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: login ORIGIN FOLDER")
		os.Exit(2)
	}
	if err := login(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "login:", err)
		os.Exit(1)
	}
}

func login(origin, folder string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	socket, err := dial(ctx, origin)
	if err != nil {
		return err
	}
	defer socket.Close()
	nonce := authtoken.NewNonce()
	token, err := call(socket, "authenticate", map[string]any{"challengeNonce": nonce, "lang": "fr"})
	if err != nil {
		return err
	}
	if err := verify(ctx, token, origin, nonce, folder); err != nil {
		return fmt.Errorf("a token that no portal takes: %w", err)
	}
	var made struct{ AppVersion string }
	if err := json.Unmarshal(token, &made); err != nil {
		return err
	}
	fmt.Println(made.AppVersion)
	return nil
}

// dial returns the socket of the first agent that answers; those of other people close
// theirs without a byte.
func dial(ctx context.Context, origin string) (*websocket.Conn, error) {
	d := websocket.Dialer{Subprotocols: []string{"cpx.v1"}, HandshakeTimeout: 10 * time.Second}
	for {
		var errs error
		for port := firstPort; port < firstPort+ports; port++ {
			socket, answer, err := d.DialContext(ctx, fmt.Sprintf("ws://127.0.0.1:%d/v1", port), http.Header{"Origin": {origin}})
			if err == nil {
				return socket, nil
			}
			if answer != nil {
				return nil, fmt.Errorf("port %d answers %s to %s", port, answer.Status, origin)
			}
			errs = err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("no agent answers: %w", errs)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// call sends a request and returns its result.
func call(socket *websocket.Conn, method string, params any) (json.RawMessage, error) {
	if err := socket.WriteJSON(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": params}); err != nil {
		return nil, err
	}
	if err := socket.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	for {
		var answer struct {
			ID     json.RawMessage
			Result json.RawMessage
			Error  json.RawMessage
		}
		if err := socket.ReadJSON(&answer); err != nil {
			return nil, err
		}
		switch {
		case string(answer.ID) != "1": // its progress
		case answer.Error != nil:
			return nil, fmt.Errorf("%s: %s", method, answer.Error)
		default:
			return answer.Result, nil
		}
	}
}

// verify verifies a token as a portal does.
func verify(ctx context.Context, token []byte, origin, nonce, folder string) error {
	root, err := certificate(filepath.Join(folder, "root.pem"))
	if err != nil {
		return err
	}
	intermediate, err := certificate(filepath.Join(folder, "intermediate.pem"))
	if err != nil {
		return err
	}
	v, err := authtoken.NewVerifier(authtoken.Config{
		Origin: origin, Revocation: authtoken.RevocationOff,
		Profile: authtoken.Profile{AllowTestCards: true, TrustGroups: []authtoken.TrustGroup{{
			Name: "demonstration", Test: true, Roots: []*x509.Certificate{root}, Intermediates: []*x509.Certificate{intermediate},
		}}},
	})
	if err != nil {
		return err
	}
	_, err = v.Verify(ctx, token, nonce)
	return err
}

func certificate(path string) (*x509.Certificate, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New(path + " holds no certificate")
	}
	return x509.ParseCertificate(block.Bytes)
}
