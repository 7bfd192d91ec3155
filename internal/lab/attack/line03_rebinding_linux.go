package attack

import (
	"fmt"
	"net"
	"net/http"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
)

func line03() []Attack {
	return []Attack{{
		Line: 3, Title: "a page reaches the agent under its own name", Short: true,
		Options: stack.Options{AgentOnly: true},
		Play:    rebinding,
	}}
}

func rebinding(w *World, r *Record) error {
	_, port, err := net.SplitHostPort(w.AgentAddress())
	if err != nil {
		return err
	}
	hosts := []string{"evil.example:" + port, "127.0.0.1", "127.0.0.1:1", "0.0.0.0:" + port, "[::ffff:127.0.0.1]:" + port, "localhost.:" + port, "LOCALHOST:" + port}
	for i, host := range hosts {
		for _, path := range []string{"/", "/v1"} {
			request, err := http.NewRequestWithContext(w.Context, http.MethodGet, "http://"+w.AgentAddress()+path, nil)
			if err != nil {
				return err
			}
			request.Host, request.Close = host, true
			if path == "/v1" {
				for key, value := range map[string]string{
					"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
					"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": "cpx.v1", "Origin": w.Origin,
				} {
					request.Header.Set(key, value)
				}
			}
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				return err
			}
			_ = response.Body.Close()
			r.Check(response.StatusCode == http.StatusForbidden && response.ContentLength == 0, fmt.Sprintf("GET %s with Host %s", path, host), "%d, %d bytes", response.StatusCode, response.ContentLength)
		}
		refused := w.Refused("host")
		r.Check(refused == 2*(i+1), "the log after Host "+host, "%d refusals for their host", refused)
	}
	return nil
}
