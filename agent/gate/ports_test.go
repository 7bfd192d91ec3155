package gate

import (
	"crypto/x509"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cpx-bridge/cpx-bridge/agent/policy"
)

// changed is the gate's policy with something else in it.
func changed(g *Gate, change func(*policy.Effective)) *policy.Effective {
	e := *g.policy.Load()
	change(&e)
	return &e
}

// until waits until what the gate says of itself is so.
func until(t *testing.T, g *Gate, what string, so func() bool) {
	t.Helper()
	for woken := changes(t, g); !so(); {
		select {
		case <-woken:
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: never", what)
		}
	}
}

// echoes checks that a socket is still there.
func echoes(t *testing.T, socket *websocket.Conn) {
	t.Helper()
	if err := socket.WriteMessage(websocket.TextMessage, []byte("TEST")); err != nil {
		t.Fatal(err)
	}
	if _, message, err := socket.ReadMessage(); err != nil || string(message) != "TEST" {
		t.Errorf("%q, %v", message, err)
	}
}

func listens(port int) bool {
	c, err := net.Dial("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err == nil {
		_ = c.Close()
	}
	return err == nil
}

// TestPolicyLive: other settings decide about the next connection, and sockets that are
// open stay with their pages.
func TestPolicyLive(t *testing.T) {
	g := serve(t, setup{settings: "[origins]\nmode = \"ask\"\n"})
	socket := open(t, g, "https://once.example.fr")
	g.SetPolicy(changed(g, func(e *policy.Effective) { e.Origins.Mode = policy.ModeListed }))
	header := http.Header{"Origin": {"https://once.example.fr"}}
	if _, answer, err := connect(g, header); err == nil || answer == nil || answer.StatusCode != http.StatusForbidden {
		t.Errorf("a site that is not listed: %v", err)
	}
	echoes(t, socket)
	g.SetPolicy(changed(g, func(e *policy.Effective) { e.Origins.Mode = policy.ModeAsk }))
	echoes(t, open(t, g, "https://once.example.fr"))
}

// TestPortsLive: the agent moves to another range with its sockets as they are, stays where
// it is within the range, and where the new one has no port is not without one.
func TestPortsLive(t *testing.T) {
	log := &lockedBuffer{}
	g := serve(t, setup{settings: "[origins]\nmode = \"ask\"\n", logTo: log})
	before := g.Port()
	socket := open(t, g, "https://a.example.fr")
	shrunk := changed(g, func(e *policy.Effective) { e.Ports.Count-- })
	g.SetPolicy(shrunk)
	for range 2 { // the channel holds one: the second goes in once what came before was followed
		g.portsWanted <- struct{}{}
	}
	other, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	inUse := other.Addr().(*net.TCPAddr).Port
	g.SetPolicy(changed(g, func(e *policy.Effective) { e.Ports = policy.Ports{First: inUse, Count: 1} }))
	until(t, g, "a range without a port", func() bool { return strings.Contains(log.String(), "stays on its port") })
	if g.Port() != before || !listens(before) || strings.Contains(log.String(), "no longer listening") {
		t.Error("the agent moved to where there is no port")
	}
	g.SetPolicy(shrunk)
	for range 2 {
		g.portsWanted <- struct{}{}
	}
	g.SetPolicy(changed(g, func(e *policy.Effective) { e.Ports = policy.Ports{First: inUse, Count: 1} }))
	until(t, g, "a range without a port, once more", func() bool { return strings.Count(log.String(), "stays on its port") == 2 })
	free := before + 1000
	g.SetPolicy(changed(g, func(e *policy.Effective) { e.Ports = policy.Ports{First: free, Count: 100} }))
	until(t, g, "another range", func() bool { return g.Port() >= free })
	until(t, g, "the old port's end", func() bool { return !listens(before) })
	echoes(t, socket)
	echoes(t, open(t, g, "https://a.example.fr"))
	if !strings.HasSuffix(g.Addresses()[0], ":"+strconv.Itoa(g.Port())) {
		t.Errorf("%q, port %d", g.Addresses(), g.Port())
	}
}

// TestWSSLive: the encrypted socket comes, moves and goes with the settings.
func TestWSSLive(t *testing.T) {
	store, _ := newLocalCert(t)
	roots := install(t, store)
	g := serve(t, setup{settings: "[origins]\nallow = [\"" + listedOrigin + "\"]\n", wss: store})
	if g.WSSPort() != 0 || len(g.WSS().Addresses) != 0 {
		t.Fatal("wss is served where nobody switched it on")
	}
	wss := func(change func(*policy.WSS)) {
		g.SetPolicy(changed(g, func(e *policy.Effective) { change(&e.WSS) }))
	}
	wss(func(w *policy.WSS) { w.Enabled = true })
	before := awaitWSS(t, g)
	socket := openWSS(t, roots, before)
	wss(func(w *policy.WSS) { w.First += 1000 })
	until(t, g, "another range", func() bool { return g.WSSPort() >= before+900 })
	echoes(t, socket)
	moved := g.WSSPort()
	echoes(t, openWSS(t, roots, moved))
	wss(func(w *policy.WSS) { w.Enabled = false })
	until(t, g, "switched off", func() bool { return g.WSSPort() == 0 })
	if listens(before) || listens(moved) || g.WSS().Err != nil || g.WSS().Renew {
		t.Errorf("after it was switched off: %+v", g.WSS())
	}
	echoes(t, socket)
	wss(func(w *policy.WSS) { w.Enabled = true })
	echoes(t, openWSS(t, roots, awaitWSS(t, g)))
}

func openWSS(t *testing.T, roots *x509.CertPool, port int) *websocket.Conn {
	t.Helper()
	socket, _, err := dialWSS(roots, "127.0.0.1", port, http.Header{"Origin": {listedOrigin}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	return socket
}
