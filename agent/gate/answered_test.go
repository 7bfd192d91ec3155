package gate

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestAnsweredConnections: whatever a request is like, its connection counts until it is
// closed and is closed in the end, also where nobody reads the answer; a page gets in
// meanwhile.
func TestAnsweredConnections(t *testing.T) {
	for name, text := range map[string]string{
		"nothing after POST": "POST / HTTP/1.1\r\nHost: %s\r\n\r\n",
		"a body to come":     "POST / HTTP/1.1\r\nHost: %s\r\nContent-Length: 5\r\n\r\n",
		"a body when asked":  "POST / HTTP/1.1\r\nHost: %s\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
		"chunks for ever":    "POST / HTTP/1.1\r\nHost: %s\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
		"HTTP/1.0":           "POST / HTTP/1.0\r\nHost: %s\r\nConnection: keep-alive\r\n\r\n",
		"kept alive":         "GET / HTTP/1.1\r\nHost: %s\r\nConnection: keep-alive\r\n\r\n",
		"pipelined":          strings.Repeat("GET / HTTP/1.1\r\nHost: %[1]s\r\n\r\n", 20),
		"no page's socket":   "GET /v1 HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := serve(t, setup{})
			address := fmt.Sprintf("127.0.0.1:%d", g.Port())
			var all []net.Conn
			for range 3 * maxClosing {
				c, err := net.Dial("tcp", address)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				if _, err := fmt.Fprintf(c, text, address); err != nil {
					t.Fatal(err)
				}
				all = append(all, c)
				if n := g.conns.count(isClosing); n > maxClosing {
					t.Fatalf("%d connections are being answered", n)
				}
			}
			open(t, g, listedOrigin)
			for _, c := range all {
				_ = c.SetReadDeadline(time.Now().Add(4 * closeLimit))
				for b := make([]byte, 4096); ; {
					if _, err := c.Read(b); err != nil {
						if e, ok := err.(net.Error); ok && e.Timeout() {
							t.Fatal("a connection stays open")
						}
						break
					}
				}
			}
			for end := time.Now().Add(4 * closeLimit); g.conns.count(isClosing)+g.conns.count(isPending) > 0; time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("%d bare, %d leaving", g.conns.count(isPending), g.conns.count(isClosing))
				}
			}
		})
	}
}

// counting is an answer that counts the connections that are being answered.
type counting struct {
	limited
	all *conns
	n   int
}

func (c *counting) WriteHeader(int) { c.n = c.all.count(isClosing) }

// TestAnsweredIsCounted: a connection counts from its request on.
func TestAnsweredIsCounted(t *testing.T) {
	g := newGate(t, setup{})
	for _, l := range g.pages.listeners {
		defer l.Close()
	}
	here, there := net.Pipe()
	defer there.Close()
	c := &ownedConn{Conn: here, all: &g.conns}
	g.conns.move(c, isPending)
	w := &counting{limited: limited{ResponseRecorder: httptest.NewRecorder()}, all: &g.conns}
	r := httptest.NewRequest(http.MethodGet, "/v1", nil)
	g.handler(t.Context()).ServeHTTP(w, r.WithContext(withIdentity(r.Context(), c)))
	if w.n != 1 || g.conns.count(isPending) != 0 {
		t.Errorf("%d connections are being answered, %d have sent no request", w.n, g.conns.count(isPending))
	}
}

// TestClosingEnds: a connection that leaves is closed in the end, whatever holds it.
func TestClosingEnds(t *testing.T) {
	t.Parallel() // it waits out the limit
	here, there := net.Pipe()
	defer there.Close()
	var all conns
	c := &ownedConn{Conn: here, all: &all}
	all.move(c, isPending)
	all.move(c, isClosing)
	_ = there.SetReadDeadline(time.Now().Add(4 * closeLimit))
	if _, err := there.Read(make([]byte, 1)); err == nil || err.Error() != "EOF" {
		t.Errorf("%v, want the end", err)
	}
	if n := all.count(isClosing); n != 0 {
		t.Errorf("%d still leave", n)
	}
}

// TestSocketStays: a connection that became a socket in time is no longer closed.
func TestSocketStays(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close()
	var all conns
	c := &ownedConn{Conn: here, all: &all}
	all.move(c, isClosing)
	all.move(c, isSocket)
	if c.limit != nil || all.count(isClosing) != 0 {
		t.Error("its limit still runs")
	}
	_ = c.Close()
	all.move(c, isPending)
	if n := all.count(isPending); n != 0 {
		t.Errorf("a closed connection counts: %d", n)
	}
}

// TestHalfHandshakes: connections that stop in the middle of TLS's handshake count as those
// without a request, and a page gets in over wss meanwhile.
func TestHalfHandshakes(t *testing.T) {
	store, _ := newLocalCert(t)
	roots := install(t, store)
	g := serve(t, setup{settings: wssOn, wss: store})
	port := awaitWSS(t, g)
	for range 3 * maxPending {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Write([]byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")); err != nil {
			t.Fatal(err)
		}
	}
	socket, _, err := dialWSS(roots, "localhost", port, http.Header{"Origin": {listedOrigin}})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	if got := echo(t, socket, "TEST"); got != "TEST" {
		t.Errorf("%q", got)
	}
	if n := g.conns.count(isPending); n > maxPending {
		t.Errorf("%d connections have sent no request", n)
	}
}
