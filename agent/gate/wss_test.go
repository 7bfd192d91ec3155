package gate

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cpx-bridge/cpx-bridge/agent/keyring"
	"github.com/cpx-bridge/cpx-bridge/agent/localcert"
	"github.com/cpx-bridge/cpx-bridge/agent/peer"
)

const wssOn = "[origins]\nmode = \"listed\"\nallow = [\"" + listedOrigin + "\"]\n[wss]\nenabled = true\n"

// memoryKeys and anyTrust stand for the keyring and the system's stores, whose
// real ones are tested in localcert and end to end.
type memoryKeys struct {
	mu   sync.Mutex
	keys map[string]string
	err  error
}

func (m *memoryKeys) Get(_ context.Context, account string) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if secret, ok := m.keys[account]; ok || m.err != nil {
		return secret, m.err
	}
	return "", keyring.ErrNotFound
}

func (m *memoryKeys) Set(_ context.Context, account, secret string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keys[account] = secret
	return nil
}

func (m *memoryKeys) Delete(_ context.Context, account string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.keys, account)
	return nil
}

type anyTrust map[string]bool

func (a anyTrust) Stores() ([]string, error)                        { return []string{"TEST"}, nil }
func (a anyTrust) Add(_ string, ca *x509.Certificate) error         { a[string(ca.Raw)] = true; return nil }
func (a anyTrust) Remove(_ string, ca *x509.Certificate) error      { delete(a, string(ca.Raw)); return nil }
func (a anyTrust) Has(_ string, ca *x509.Certificate) (bool, error) { return a[string(ca.Raw)], nil }

func newLocalCert(t *testing.T) (*localcert.Store, *memoryKeys) {
	t.Helper()
	keys := &memoryKeys{keys: map[string]string{}}
	return localcert.New(localcert.Options{Dir: t.TempDir(), Keys: keys, Trust: anyTrust{}}), keys
}

func install(t *testing.T, store *localcert.Store) *x509.CertPool {
	t.Helper()
	if _, err := store.Install(t.Context()); err != nil {
		t.Fatal(err)
	}
	c, err := store.Certificate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ca, err := x509.ParseCertificate(c.Certificate[1])
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca)
	return pool
}

// awaitWSS waits until the encrypted socket is served.
func awaitWSS(t *testing.T, g *Gate) int {
	t.Helper()
	woken := changes(t, g)
	for {
		if port := g.WSSPort(); port != 0 {
			return port
		}
		select {
		case <-woken:
		case <-time.After(20 * time.Second):
			t.Fatal("wss is never served")
		}
	}
}

// asBrowsers asks nobody for the address of localhost (RFC 6761), which is not known
// everywhere.
func asBrowsers(ctx context.Context, network, address string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, strings.Replace(address, "localhost:", "127.0.0.1:", 1))
}

func dialWSS(roots *x509.CertPool, host string, port int, header http.Header) (*websocket.Conn, *http.Response, error) {
	d := websocket.Dialer{Subprotocols: []string{subprotocol}, TLSClientConfig: &tls.Config{RootCAs: roots}, NetDialContext: asBrowsers}
	return d.Dial(fmt.Sprintf("wss://%s:%d/v1", host, port), header)
}

func TestWSS(t *testing.T) {
	store, _ := newLocalCert(t)
	roots := install(t, store)
	log := &lockedBuffer{}
	g := serve(t, setup{settings: wssOn, wss: store, logTo: log})
	port := awaitWSS(t, g)
	for _, host := range []string{"localhost", "127.0.0.1", "[::1]"} {
		socket, response, err := dialWSS(roots, host, port, http.Header{"Origin": {listedOrigin}})
		if err != nil {
			t.Fatalf("%s: %v %v", host, err, response)
		}
		if got := echo(t, socket, "TEST"); got != "TEST" {
			t.Errorf("%s: %q", host, got)
		}
		socket.Close()
	}
	for name, c := range map[string]struct {
		header http.Header
		reason string
	}{
		"the other socket's port": {http.Header{"Origin": {listedOrigin}, "Host": {fmt.Sprintf("localhost:%d", g.Port())}}, "host"},
		"rebound host":            {http.Header{"Origin": {listedOrigin}, "Host": {fmt.Sprintf("rebind.test:%d", port)}}, "host"},
		"no port":                 {http.Header{"Origin": {listedOrigin}, "Host": {"localhost"}}, "host"},
		"not listed":              {http.Header{"Origin": {otherOrigin}}, "origin_not_listed"},
		"no origin":               {http.Header{}, "origin_count"},
	} {
		_, response, err := dialWSS(roots, "localhost", port, c.header)
		if response == nil || response.StatusCode != http.StatusForbidden || !strings.Contains(log.String(), "reason="+c.reason) {
			t.Errorf("%s: %v %v", name, response, err)
		}
	}
	// And the plain one does not take the encrypted one's name.
	if _, response, err := connect(g, http.Header{"Origin": {listedOrigin}, "Host": {fmt.Sprintf("localhost:%d", port)}}); response == nil || response.StatusCode != http.StatusForbidden {
		t.Errorf("%v %v", response, err)
	}
	old := &tls.Config{RootCAs: roots, ServerName: "localhost", MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	if c, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port), old); err == nil {
		c.Close()
		t.Error("TLS 1.1 is spoken")
	}
	if _, _, err := dialWSS(x509.NewCertPool(), "localhost", port, http.Header{"Origin": {listedOrigin}}); err == nil {
		t.Error("trusted by who trusts nobody")
	}
}

// TestWSSIsWaitedFor: the gate has not ended while the encrypted socket serves.
func TestWSSIsWaitedFor(t *testing.T) {
	store, _ := newLocalCert(t)
	install(t, store)
	g := newGate(t, setup{settings: wssOn, wss: store})
	for _, l := range g.pages.listeners {
		defer l.Close()
	}
	ctx, cancel := context.WithCancel(t.Context())
	web := g.server(ctx)
	var running sync.WaitGroup
	served, goOn := make(chan struct{}, 2), make(chan struct{})
	serving := &serving{Gate: g, ctx: ctx, web: web, running: &running, end: func(error) { served <- struct{}{}; <-goOn }}
	if err := serving.listenWSS(g.Policy.WSS.First, g.Policy.WSS.Count); err != nil {
		t.Fatal(err)
	}
	waited := make(chan struct{})
	go func() { running.Wait(); close(waited) }()
	cancel()
	_ = web.Close()
	<-served
	select {
	case <-waited:
		t.Error("nobody waits for the listener that ends")
	case <-time.After(50 * time.Millisecond):
	}
	close(goOn)
	<-waited
}

// TestWSSOtherUser: another user's connection ends before a byte of TLS.
func TestWSSOtherUser(t *testing.T) {
	store, _ := newLocalCert(t)
	install(t, store)
	var port uint16
	var mu sync.Mutex
	g := serve(t, setup{settings: wssOn, wss: store, owner: func(local, _ netip.AddrPort) (peer.Identity, error) {
		mu.Lock()
		defer mu.Unlock()
		if local.Port() == port {
			return peer.OtherUser(slog.Attr{}, slog.Attr{}), nil
		}
		return peer.Self(nil), nil
	}})
	p := awaitWSS(t, g)
	mu.Lock()
	port = uint16(p)
	mu.Unlock()
	for _, host := range []string{"127.0.0.1", "::1"} {
		c, err := net.Dial("tcp", net.JoinHostPort(host, strconv.Itoa(p)))
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		if n, err := c.Read(make([]byte, 1)); n != 0 || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%d bytes, %v: want a closed connection", n, err)
		}
		c.Close()
	}
	if n := g.conns.count(isPending); n != 0 {
		t.Errorf("other users' connections count: %d", n)
	}
	open(t, g, listedOrigin) // the own user's plain socket
}

// TestWSSLater: the agent runs already when the certificate is installed,
// renewed and taken back.
func TestWSSLater(t *testing.T) {
	store, _ := newLocalCert(t)
	log := &lockedBuffer{}
	g := serve(t, setup{settings: wssOn, wss: store, logTo: log})
	open(t, g, listedOrigin)
	roots := install(t, store)
	port := awaitWSS(t, g)
	if _, _, err := dialWSS(roots, "localhost", port, http.Header{"Origin": {listedOrigin}}); err != nil {
		t.Fatal(err)
	}
	if w := g.WSS(); !slices.Contains(w.Addresses, fmt.Sprintf("127.0.0.1:%d", port)) || w.Err != nil {
		t.Errorf("%+v", w)
	}
	await := func(what string, so func() error) {
		t.Helper()
		woken := changes(t, g)
		for {
			err := so()
			if err == nil {
				return
			}
			select {
			case <-woken:
			case <-time.After(20 * time.Second):
				t.Fatalf("%s: %v", what, err)
			}
		}
	}
	dial := func(roots *x509.CertPool) error {
		socket, _, err := dialWSS(roots, "localhost", port, http.Header{"Origin": {listedOrigin}})
		if err == nil {
			socket.Close()
		}
		return err
	}
	renewed := install(t, store)
	await("renewed", func() error { return dial(renewed) })
	if _, err := store.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	await("taken back", func() error {
		if w := g.WSS(); len(w.Addresses) != 0 || !errors.Is(w.Err, localcert.ErrNotInstalled) {
			return fmt.Errorf("%+v", w)
		}
		return nil
	})
	if err := dial(renewed); err == nil {
		t.Error("a certificate that was taken back is shown")
	}
	open(t, g, listedOrigin)
	if !strings.Contains(log.String(), "no certificate is installed") {
		t.Errorf("the log does not say why:\n%s", log)
	}
}

// TestNoWSS: what keeps wss away is in the log and keeps nothing else away.
func TestNoWSS(t *testing.T) {
	for name, c := range map[string]struct {
		settings string
		err      error
		says     string
	}{
		"keyring locked": {wssOn, keyring.ErrLocked, "it is locked"},
		"keyring slow":   {wssOn, keyring.ErrSlow, "does not answer"},
		"switched off":   {"", nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			store, keys := newLocalCert(t)
			install(t, store)
			keys.err = c.err
			log := &lockedBuffer{}
			g := serve(t, setup{settings: c.settings, wss: store, logTo: log})
			woken := changes(t, g)
			open(t, g, listedOrigin)
			for c.says != "" && !strings.Contains(log.String(), c.says) {
				select {
				case <-woken:
				case <-time.After(20 * time.Second):
					t.Fatalf("the log does not say %q:\n%s", c.says, log)
				}
			}
			if g.WSSPort() != 0 || strings.Contains(log.String(), "wss=true") {
				t.Errorf("wss is served:\n%s", log)
			}
			if w := g.WSS(); len(w.Addresses) != 0 || (w.Err != nil) != (c.err != nil) {
				t.Errorf("%+v", w)
			}
		})
	}
}

// TestWSSRenewal: thirty days before the end the state asks for a new one.
func TestWSSRenewal(t *testing.T) {
	store, _ := newLocalCert(t)
	install(t, store)
	for days, want := range map[time.Duration]bool{0: false, 366: false, 368: true, 396: true, 400: true} {
		g := serve(t, setup{settings: wssOn, wss: store, now: func() time.Time { return time.Now().Add(days * 24 * time.Hour) }})
		awaitWSS(t, g)
		if got := g.WSS().Renew; got != want {
			t.Errorf("after %d days: %v", days, got)
		}
	}
}

// TestWSSPlainHTTP: the same page for a person, nothing for others.
func TestWSSPlainHTTP(t *testing.T) {
	store, _ := newLocalCert(t)
	roots := install(t, store)
	g := serve(t, setup{settings: wssOn, wss: store})
	port := awaitWSS(t, g)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DialContext: asBrowsers}}
	defer client.CloseIdleConnections()
	for dest, want := range map[string]int{"document": http.StatusOK, "image": http.StatusNotFound} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("https://localhost:%d/", port), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Sec-Fetch-Dest", dest)
		response, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		response.Body.Close()
		if response.StatusCode != want || response.ProtoMajor != 1 {
			t.Errorf("%s: %s %s", dest, response.Status, response.Proto)
		}
	}
}
