package gate

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cpx-bridge/cpx-bridge/agent/peer"
	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/fuzzing"
	"github.com/cpx-bridge/cpx-bridge/internal/programname"
)

// sent is a connection on which the other side has sent all that it sends.
type sent struct {
	in     *bytes.Reader
	out    bytes.Buffer
	closed chan struct{}
}

const fuzzPort = 27720

func (c *sent) Read(p []byte) (int, error)     { return c.in.Read(p) }
func (c *sent) Write(p []byte) (int, error)    { return c.out.Write(p) }
func (*sent) LocalAddr() net.Addr              { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: fuzzPort} }
func (*sent) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 50000} }
func (*sent) SetDeadline(time.Time) error      { return nil }
func (*sent) SetReadDeadline(time.Time) error  { return nil }
func (*sent) SetWriteDeadline(time.Time) error { return nil }
func (c *sent) Close() error {
	select {
	case <-c.closed:
	default:
		close(c.closed)
	}
	return nil
}

// handed is a listener of connections that the test makes.
type handed struct{ conns chan net.Conn }

func (h handed) Accept() (net.Conn, error) {
	c, ok := <-h.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (handed) Close() error   { return nil }
func (handed) Addr() net.Addr { return &net.TCPAddr{} }

// fuzzPage notes whose socket it got, and ends.
type fuzzPage struct {
	socket *websocket.Conn
	who    string
	to     chan<- string
}

func (p fuzzPage) Serve(context.Context) {
	p.to <- p.who
	_ = p.socket.Close()
}
func (fuzzPage) Use() (Use, time.Time) { return 0, time.Time{} }
func (fuzzPage) Displace(Use) bool     { return false }

// FuzzHandshake: whatever comes on a connection, a page gets a socket only for a request
// that a reader of plain lines finds to be exactly the handshake, and under the origin
// that stands in it; every other answer is short, says nothing of what was sent nor of
// who answers, lets no other site read it, and is the last on its connection.
func FuzzHandshake(f *testing.F) {
	file := filepath.Join(f.TempDir(), "config.toml")
	if err := os.WriteFile(file, []byte("[origins]\nallow = [\"http://localhost:8080\"]\nblock = [\"https://blocked.example\"]\n"), 0o600); err != nil {
		f.Fatal(err)
	}
	settings, err := policy.Load(policy.Paths{User: file})
	if err != nil {
		f.Fatal(err)
	}
	settings.Ports.First, settings.Ports.Count = 20000+os.Getpid()%20000, 100
	pages := make(chan string, 16)
	g, err := New(Options{
		Policy: settings, Logger: slog.New(slog.DiscardHandler), Subprotocol: subprotocol, Path: "/v1",
		Page:    func(socket *websocket.Conn, who peer.Caller) Page { return fuzzPage{socket, who.Origin, pages} },
		Allowed: func(origin string) bool { return settings.Decide(origin) == policy.Allowed },
		Owner: func(netip.AddrPort, netip.AddrPort) (peer.Identity, error) {
			return peer.Self(func(context.Context) []programname.File { return nil }), nil
		},
	})
	if err != nil {
		f.Fatal(err)
	}
	listener := handed{make(chan net.Conn)}
	web := g.server(f.Context())
	go func() { _ = web.Serve(listener) }()
	f.Cleanup(func() {
		close(listener.conns)
		_ = web.Close()
		for _, l := range g.pages.listeners {
			_ = l.Close()
		}
	})
	f.Fuzz(func(t *testing.T, request []byte) {
		c := &sent{in: bytes.NewReader(request), closed: make(chan struct{})}
		if spent := fuzzing.Spent(func() {
			listener.conns <- g.owned(c)
			<-c.closed
		}); spent > fuzzing.Air+64*uint64(len(request)) {
			t.Errorf("%d bytes for a request of %d", spent, len(request))
		}
		answer := c.out.Bytes()
		head, body, _ := strings.Cut(string(answer), "\r\n\r\n")
		origin, sound := handshake(request)
		if strings.HasPrefix(head, "HTTP/1.1 101 ") {
			if got := <-pages; !sound || got != origin || settings.Decide(origin) != policy.Ask && settings.Decide(origin) != policy.Allowed {
				t.Errorf("a socket for %q: %q", got, request)
			}
		} else {
			checkRefusal(t, request, head, body)
		}
		if len(pages) > 0 {
			t.Errorf("%q gets a socket without an answer: %q", <-pages, request)
		}
		if bytes.Count(answer, []byte("HTTP/1.")) > 1 && !strings.Contains(string(request), "HTTP/1.") {
			t.Errorf("two answers: %q", answer)
		}
	})
}

// answers are the beginnings of all answers that are none of a socket: the gate's own,
// and what net/http says of what is no request.
var answers = regexp.MustCompile(`^(HTTP/1\.[01] (200|400|403|404|408|413|414|417|431|501|505) |$)`)

func checkRefusal(t *testing.T, request []byte, head, body string) {
	t.Helper()
	if !answers.MatchString(head) || len(head)+len(body) > 4096 {
		t.Errorf("%q is answered %q, %q", request, head, body)
	}
	lower := strings.ToLower(head)
	for _, never := range []string{"access-control", "set-cookie", "server:", "location:", "keep-alive", "x-powered"} {
		if strings.Contains(lower, never) {
			t.Errorf("%q is answered with %s: %q", request, never, head)
		}
	}
	if status := head[min(len(head), len("HTTP/1.1 ")):]; (strings.HasPrefix(status, "403") || strings.HasPrefix(status, "404")) && body != "" {
		t.Errorf("%q is answered %q", request, body)
	}
}

// handshake reads a request as plain lines, and returns its origin where it is all that
// the gate lets through.
func handshake(request []byte) (origin string, sound bool) {
	head, after, found := bytes.Cut(bytes.ReplaceAll(request, []byte("\r\n"), []byte("\n")), []byte("\n\n"))
	lines := strings.Split(strings.TrimLeft(string(head), "\n"), "\n")
	target, isGet := strings.CutPrefix(lines[0], "GET ")
	target, isHTTP := strings.CutSuffix(target, " HTTP/1.1")
	if path, _, _ := strings.Cut(target, "?"); !found || len(after) > 0 || !isGet || !isHTTP || path != "/v1" {
		return "", false
	}
	values := map[string][]string{}
	for _, line := range lines[1:] {
		name, value, ok := strings.Cut(line, ":")
		if !ok || name == "" || strings.ContainsAny(name, " \t") {
			return "", false
		}
		name = http.CanonicalHeaderKey(name)
		values[name] = append(values[name], strings.Trim(value, " \t"))
	}
	host := values["Host"]
	port := ":" + strconv.Itoa(fuzzPort)
	one := func(name string) string {
		if len(values[name]) != 1 {
			return ""
		}
		return values[name][0]
	}
	offers := func(name, token string) bool {
		return slices.ContainsFunc(strings.Split(strings.ToLower(strings.Join(values[name], ",")), ","), func(v string) bool { return strings.Trim(v, " \t") == token })
	}
	sound = len(host) == 1 && (host[0] == "127.0.0.1"+port || host[0] == "localhost"+port || host[0] == "[::1]"+port) &&
		one("Origin") != "" && offers("Sec-Websocket-Protocol", subprotocol) && offers("Connection", "upgrade") && offers("Upgrade", "websocket") &&
		offers("Sec-Websocket-Version", "13") && len(values["Transfer-Encoding"]) == 0 && (len(values["Content-Length"]) == 0 || one("Content-Length") == "0")
	return one("Origin"), sound
}
