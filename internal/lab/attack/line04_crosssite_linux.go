package attack

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
)

func line04() []Attack {
	return []Attack{{
		Line: 4, Title: "requests that a page may make without being asked first", Short: true,
		Options: stack.Options{AgentOnly: true},
		Play:    simpleRequests,
	}}
}

// simpleRequests are those that a browser sends for any page: links, forms, images,
// scripts, beacons, and the question before one that is not simple.
func simpleRequests(w *World, r *Record) error {
	body := `{"jsonrpc":"2.0","id":1,"method":"authenticate","params":{"challengeNonce":"` + Nonce() + `"}}`
	for _, c := range []struct {
		method, path, body string
		header             map[string]string
		status             int
	}{
		{"GET", "/", "", map[string]string{"Sec-Fetch-Dest": "image", "Sec-Fetch-Site": "cross-site"}, 404},
		{"GET", "/", "", map[string]string{"Sec-Fetch-Dest": "script", "Sec-Fetch-Site": "cross-site"}, 404},
		{"GET", "/", "", map[string]string{"Sec-Fetch-Dest": "iframe", "Sec-Fetch-Site": "cross-site"}, 404},
		{"GET", "/", "", map[string]string{"Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "cross-site"}, 404},
		{"GET", "/favicon.ico", "", nil, 404},
		{"GET", "/v1/status", "", nil, 404},
		{"GET", "/v1?method=authenticate", "", nil, 403},
		{"GET", "/v1", "", map[string]string{"Origin": "https://evil.example"}, 403},
		{"POST", "/", "", nil, 404},
		{"POST", "/", body, map[string]string{"Content-Type": "text/plain"}, 403},
		{"POST", "/v1", body, map[string]string{"Content-Type": "text/plain", "Origin": "https://evil.example"}, 403},
		{"POST", "/v1", body, map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Origin": w.Origin}, 403},
		{"OPTIONS", "/v1", "", map[string]string{"Origin": w.Origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Private-Network": "true"}, 403},
		{"PUT", "/", body, nil, 403},
		{"TRACE", "/", "", nil, 404},
	} {
		request, err := http.NewRequestWithContext(w.Context, c.method, "http://"+w.AgentAddress()+c.path, strings.NewReader(c.body))
		if err != nil {
			return err
		}
		for key, value := range c.header {
			request.Header.Set(key, value)
		}
		request.Close = true
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		text, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil {
			return err
		}
		cors := false
		for key := range response.Header {
			cors = cors || strings.HasPrefix(key, "Access-Control-")
		}
		r.Check(response.StatusCode == c.status && len(text) == 0 && !cors, fmt.Sprintf("%s %s with %v", c.method, c.path, c.header), "%d, %d bytes, CORS: %v", response.StatusCode, len(text), cors)
	}
	for _, reason := range []string{"body", "origin_count", "origin_not_listed"} {
		r.Check(w.Refused(reason) > 0, "the log", "%d refusals with reason=%s", w.Refused(reason), reason)
	}
	asked := strings.Contains(strings.Join(w.Dialogs(), ""), "GETPIN")
	r.Check(!asked, "a PIN dialog after all of them", "stands: %v", asked)
	err := w.Login()
	r.Check(err == nil, "the portal's own login", "%v", err)
	return nil
}
