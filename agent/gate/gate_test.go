package gate

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cpx-bridge/cpx-bridge/agent/peer"
)

// TestPlainHTTP: in mode ask nobody is asked of a page on http, and the log says
// that it is for that.
func TestPlainHTTP(t *testing.T) {
	const page, listed = "http://localhost:8080", "http://localhost:8081"
	for mode, reason := range map[string]string{"ask": "origin_http_not_listed", "listed": "origin_not_listed"} {
		log := &lockedBuffer{}
		g := serve(t, setup{logTo: log, settings: fmt.Sprintf("[origins]\nmode = %q\nallow = [%q]\n", mode, listed)})
		_, answer, err := connect(g, http.Header{"Origin": {page}})
		if err == nil || answer == nil || answer.StatusCode != http.StatusForbidden || !strings.Contains(log.String(), "reason="+reason+" ") {
			t.Errorf("%s: %v %s", mode, err, log.String())
		}
		open(t, g, listed)
	}
}

func TestGateRefuses(t *testing.T) {
	log := &lockedBuffer{}
	g := serve(t, setup{logTo: log})
	good := fmt.Sprintf("127.0.0.1:%d", g.Port())
	for name, c := range map[string]struct {
		host    string
		header  http.Header
		reason  string
		offered []string
	}{
		"no origin":         {good, http.Header{}, "origin_count", []string{subprotocol}},
		"two origins":       {good, http.Header{"Origin": {listedOrigin, listedOrigin}}, "origin_count", []string{subprotocol}},
		"null":              {good, http.Header{"Origin": {"null"}}, "origin_malformed", []string{subprotocol}},
		"upper case":        {good, http.Header{"Origin": {"https://Portail.example.fr"}}, "origin_malformed", []string{subprotocol}},
		"default port":      {good, http.Header{"Origin": {listedOrigin + ":443"}}, "origin_malformed", []string{subprotocol}},
		"path":              {good, http.Header{"Origin": {listedOrigin + "/"}}, "origin_malformed", []string{subprotocol}},
		"trailing dot":      {good, http.Header{"Origin": {listedOrigin + "."}}, "origin_malformed", []string{subprotocol}},
		"file":              {good, http.Header{"Origin": {"file://"}}, "origin_malformed", []string{subprotocol}},
		"extension":         {good, http.Header{"Origin": {"chrome-extension://abcdefghijklmnop"}}, "origin_malformed", []string{subprotocol}},
		"look-alike prefix": {good, http.Header{"Origin": {"https://xportail.example.fr"}}, "origin_not_listed", []string{subprotocol}},
		"look-alike suffix": {good, http.Header{"Origin": {listedOrigin + ".evil.example"}}, "origin_not_listed", []string{subprotocol}},
		"other port":        {good, http.Header{"Origin": {listedOrigin + ":8443"}}, "origin_not_listed", []string{subprotocol}},
		"no subprotocol":    {good, http.Header{"Origin": {listedOrigin}}, "subprotocol", nil},
		"other subprotocol": {good, http.Header{"Origin": {listedOrigin}}, "subprotocol", []string{"cpx.v2"}},
		"rebound host":      {fmt.Sprintf("rebind.test:%d", g.Port()), http.Header{"Origin": {listedOrigin}}, "host", []string{subprotocol}},
		"0.0.0.0":           {fmt.Sprintf("0.0.0.0:%d", g.Port()), http.Header{"Origin": {listedOrigin}}, "host", []string{subprotocol}},
		"mapped address":    {fmt.Sprintf("[::ffff:7f00:1]:%d", g.Port()), http.Header{"Origin": {listedOrigin}}, "host", []string{subprotocol}},
		"host with a dot":   {fmt.Sprintf("localhost.:%d", g.Port()), http.Header{"Origin": {listedOrigin}}, "host", []string{subprotocol}},
		"other port's host": {"127.0.0.1:1", http.Header{"Origin": {listedOrigin}}, "host", []string{subprotocol}},
		"no upgrade at all": {good, nil, "origin_count", nil},
	} {
		t.Run(name, func(t *testing.T) {
			var response *http.Response
			var err error
			if c.header == nil {
				response, err = http.Get("http://" + good + "/v1")
				if err == nil {
					response.Body.Close()
				}
			} else {
				c.header.Set("Host", c.host)
				d := websocket.Dialer{Subprotocols: c.offered}
				_, response, err = d.Dial("ws://"+good+"/v1", c.header)
			}
			if response == nil || response.StatusCode != http.StatusForbidden {
				t.Fatalf("%v %v, want 403", response, err)
			}
			if body, _ := io.ReadAll(response.Body); len(body) > 0 {
				t.Errorf("the 403 is not bare: %q", body)
			}
			if !strings.Contains(log.String(), "reason="+c.reason) {
				t.Errorf("the log does not name %s:\n%s", c.reason, log)
			}
		})
	}
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]"} {
		socket, response, err := connect(g, http.Header{"Origin": {listedOrigin}, "Host": {fmt.Sprintf("%s:%d", host, g.Port())}})
		if err != nil {
			t.Fatalf("%s: %v %v", host, err, response)
		}
		if socket.Subprotocol() != subprotocol {
			t.Errorf("%s: subprotocol %q", host, socket.Subprotocol())
		}
		socket.Close()
	}
}

// TestOneRequest: a connection carries one request without a body, by the path and
// the host that the client wrote, and then it ends, so that none is held outside
// the limit on those that have sent no request.
func TestOneRequest(t *testing.T) {
	log := &lockedBuffer{}
	g := serve(t, setup{logTo: log})
	good := fmt.Sprintf("127.0.0.1:%d", g.Port())
	page := "Origin: " + listedOrigin + "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: " + subprotocol + "\r\n"
	for name, c := range map[string]struct {
		line, host, header string
		status             int
		reason             string
	}{
		"a body to come":        {"POST /", good, "Content-Length: 10\r\n", 403, "body"},
		"a body in chunks":      {"POST /", good, "Transfer-Encoding: chunked\r\n", 403, "body"},
		"a body when asked for": {"POST /", good, "Content-Length: 10\r\nExpect: 100-continue\r\n", 403, "body"},
		"a page with a body":    {"GET /v1", good, page + "Content-Length: 10\r\n", 403, "body"},
		"kept alive":            {"GET /", good, "Connection: keep-alive\r\n", 200, ""},
		"another path":          {"GET /other", good, "", 404, ""},
		"no path":               {"OPTIONS *", good, "", 404, ""},
		"a host in the line":    {"GET http://" + good + "/", "evil.fr", "", 403, "target"},
		"the same host in it":   {"GET http://" + good + "/", good, "", 403, "target"},
		"an escaped path":       {"GET /%76%31", good, page, 404, ""},
		"an escaped slash":      {"GET %2fv1", good, page, 400, ""},
		"a page":                {"GET /v1", good, page, 101, ""},
	} {
		t.Run(name, func(t *testing.T) {
			before := strings.Count(log.String(), "reason="+c.reason+" ")
			raw, err := net.Dial("tcp", good)
			if err != nil {
				t.Fatal(err)
			}
			defer raw.Close()
			_ = raw.SetDeadline(time.Now().Add(10 * time.Second))
			if _, err := fmt.Fprintf(raw, "%s HTTP/1.1\r\nHost: %s\r\n%s\r\n", c.line, c.host, c.header); err != nil {
				t.Fatal(err)
			}
			reader := bufio.NewReader(raw)
			response, err := http.ReadResponse(reader, nil)
			if err != nil || response.StatusCode != c.status {
				t.Fatalf("%v %v, want %d", response, err, c.status)
			}
			if c.status == http.StatusSwitchingProtocols {
				return
			}
			body, err := io.ReadAll(response.Body)
			if err != nil || c.status == http.StatusForbidden && len(body) > 0 {
				t.Errorf("%q %v", body, err)
			}
			if n, err := io.Copy(io.Discard, reader); n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%d bytes, %v: want the connection closed", n, err)
			}
			if c.reason != "" && strings.Count(log.String(), "reason="+c.reason+" ") == before {
				t.Errorf("the log does not name %s:\n%s", c.reason, log)
			}
		})
	}
}

// limited is an answer that keeps the limits set for it.
type limited struct {
	*httptest.ResponseRecorder
	read, write time.Time
}

func (l *limited) SetReadDeadline(t time.Time) error  { l.read = t; return nil }
func (l *limited) SetWriteDeadline(t time.Time) error { l.write = t; return nil }

// TestLimit: a request is answered within five seconds, and a browser that asks the
// person first has the time for it.
func TestLimit(t *testing.T) {
	g := newGate(t, setup{})
	for _, l := range g.pages.listeners {
		defer l.Close()
	}
	w := &limited{ResponseRecorder: httptest.NewRecorder()}
	before := time.Now()
	g.handler(t.Context()).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/v1", nil))
	for _, until := range []time.Time{w.read, w.write} {
		if until.Before(before.Add(closeLimit)) || until.After(time.Now().Add(closeLimit)) {
			t.Errorf("until %v, asked at %v", until, before)
		}
	}
	if web := g.server(t.Context()); web.ReadHeaderTimeout != defaultHeader {
		t.Errorf("a browser that asks the person has %v", web.ReadHeaderTimeout)
	}
}

// TestPeers: the connection is closed before a byte is read, and the other
// user's connections do not push out the person's own.
func TestPeers(t *testing.T) {
	for name, peerCheck := range map[string]func(netip.AddrPort, netip.AddrPort) (peer.Identity, error){
		"other user": func(netip.AddrPort, netip.AddrPort) (peer.Identity, error) {
			return peer.OtherUser(slog.Int("uid", 65534), slog.Attr{}), nil
		},
		"nobody": func(netip.AddrPort, netip.AddrPort) (peer.Identity, error) {
			return peer.Identity{}, nil
		},
		"unknown": func(netip.AddrPort, netip.AddrPort) (peer.Identity, error) {
			return peer.Identity{}, errors.New("played")
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := serve(t, setup{owner: peerCheck})
			for range maxPending + 5 {
				c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", g.Port()))
				if err != nil {
					t.Fatal(err)
				}
				_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
				if n, err := c.Read(make([]byte, 1)); n != 0 || errors.Is(err, os.ErrDeadlineExceeded) {
					t.Fatalf("%d bytes, %v: want a closed connection", n, err)
				}
				c.Close()
			}
			if n := g.conns.count(isPending); n != 0 {
				t.Errorf("other users' connections count: %d", n)
			}
		})
	}
}

// TestPendingConnections: a flood of silent connections ends the oldest of them,
// and a page still gets in.
func TestPendingConnections(t *testing.T) {
	g := serve(t, setup{})
	var oldest net.Conn
	for i := range maxPending + 1 {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", g.Port()))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if i == 0 {
			oldest = c
			// The rest come once the oldest stands first in line.
			for g.conns.count(isPending) == 0 {
				time.Sleep(time.Millisecond)
			}
		}
	}
	_ = oldest.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := oldest.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the oldest pending connection is still open: %v", err)
	}
	open(t, g, listedOrigin)
}

func TestPage(t *testing.T) {
	g := serve(t, setup{})
	for name, c := range map[string]struct {
		path   string
		header http.Header
		status int
		holds  string
	}{
		"language.French":  {"/", http.Header{}, 200, "fonctionne sur ce poste"},
		"language.English": {"/", http.Header{"Accept-Language": {"en-GB,en;q=0.9,fr;q=0.8"}}, 200, "is running"},
		"a person's tab":   {"/", http.Header{"Sec-Fetch-Dest": {"document"}, "Sec-Fetch-Site": {"none"}}, 200, "CPx Bridge"},
		"an image":         {"/", http.Header{"Sec-Fetch-Dest": {"image"}}, 404, ""},
		"another site":     {"/", http.Header{"Sec-Fetch-Dest": {"document"}, "Sec-Fetch-Site": {"cross-site"}}, 404, ""},
		"an origin":        {"/", http.Header{"Origin": {listedOrigin}}, 404, ""},
		"some other path":  {"/status", http.Header{}, 404, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := http.NewRequestWithContext(context.Background(), http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d%s", g.Port(), c.path), nil)
			r.Header = c.header
			response, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			body, _ := io.ReadAll(response.Body)
			if response.StatusCode != c.status || !strings.Contains(string(body), c.holds) {
				t.Errorf("%d %s", response.StatusCode, body)
			}
			for name := range response.Header {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("a CORS header: %s", name)
				}
			}
			if c.status == 200 && !strings.Contains(response.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
				t.Errorf("headers: %v", response.Header)
			}
		})
	}
}
