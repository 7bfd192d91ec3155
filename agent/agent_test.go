package agent

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cpx-bridge/cpx-bridge/agent/peer"
	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/agent/sites"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

const (
	listedOrigin = "https://portail.example.fr"
	otherOrigin  = "https://autre.example.fr"
	testNonce    = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
)

// The fakes stand for what cannot be had otherwise: a card that comes and goes
// at a given moment, a person who waits. The real ones are in internal/lab/e2e.

type fakeCards struct {
	mu        sync.Mutex
	snapshot  pkcs11.Snapshot
	err       error
	looked    int
	restarted int
	kept      string // the certificate of a kept login
	locked    chan struct{}
	first     chan struct{} // where not nil, closed by the first look
	sign      func(ctx context.Context, r pkcs11.Request) (pkcs11.Signature, error)
}

func (f *fakeCards) List(context.Context) (pkcs11.Snapshot, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looked++
	if f.looked == 1 && f.first != nil {
		close(f.first)
	}
	return f.snapshot, f.err
}

func (f *fakeCards) Snapshot() (pkcs11.Snapshot, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.snapshot, f.looked > 0
}

func (f *fakeCards) Modules() []pkcs11.ModuleState {
	return []pkcs11.ModuleState{{Path: "/test/module.so", Info: "TEST module"}}
}

func (f *fakeCards) Sign(ctx context.Context, r pkcs11.Request) (pkcs11.Signature, error) {
	return f.sign(ctx, r)
}

func (f *fakeCards) Restart(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.restarted++
	return nil
}

func (f *fakeCards) HasCardSession(id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.kept != "" && f.kept == id
}

func (f *fakeCards) Lock(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.kept = ""
	if f.locked != nil {
		f.locked <- struct{}{}
	}
	return nil
}

func (f *fakeCards) set(s pkcs11.Snapshot) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.snapshot = s
}

func (f *fakeCards) looks() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.looked
}

type fakePerson struct {
	consent func(ctx context.Context, c prompt.Caller) error
	choose  func(ctx context.Context, holders []prompt.Holder) (int, error)
	pin     func(ctx context.Context, p prompt.PIN) ([]byte, error)
	insert  func(ctx context.Context, reader bool) error
	confirm func(ctx context.Context, c prompt.Caller, h prompt.Holder) error
	always  func(ctx context.Context, c prompt.Caller) error
}

func (f fakePerson) Consent(ctx context.Context, _ string, c prompt.Caller) error {
	return f.consent(ctx, c)
}

func (f fakePerson) Always(ctx context.Context, _ string, c prompt.Caller) error {
	return f.always(ctx, c)
}

func (f fakePerson) Choose(ctx context.Context, _ string, _ prompt.Caller, h []prompt.Holder) (int, error) {
	return f.choose(ctx, h)
}

func (f fakePerson) PIN(ctx context.Context, _ string, p prompt.PIN) ([]byte, error) {
	return f.pin(ctx, p)
}

func (f fakePerson) Confirm(ctx context.Context, _ string, c prompt.Caller, h prompt.Holder) error {
	return f.confirm(ctx, c, h)
}

func (fakePerson) Tell(context.Context, string, string, string) error { return nil }

func (f fakePerson) InsertCard(ctx context.Context, _ string, _ prompt.Caller, reader bool) error {
	return f.insert(ctx, reader)
}

// holder makes a certificate and the signing that goes with it.
func holder(t *testing.T, n int) (pkcs11.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der := certificate(t, n, key)
	sum := sha256.Sum256(der.Raw)
	token := &pkcs11.Token{Label: fmt.Sprintf("TEST %d", n), MinPIN: 4, MaxPIN: 8}
	return pkcs11.Certificate{
		ID: hex.EncodeToString(sum[:]), X509: der,
		Slot: pkcs11.Slot{Module: "test", ID: uint(n), Description: "TEST reader", Hardware: true, Token: token},
	}, key
}

var testPKI = sync.OnceValues(func() (*demopki.PKI, error) { return demopki.New(time.Now()) })

func certificate(t *testing.T, n int, key *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	pki, err := testPKI()
	if err != nil {
		t.Fatal(err)
	}
	c, err := pki.Intermediate.Issue(demopki.Leaf{
		Holder: demopki.NewHolder("CPS", n), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		PublicKey: key.Public(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// signer asks for a PIN as the pool does, takes 1234, and signs.
func signer(c pkcs11.Certificate, key *ecdsa.PrivateKey) func(context.Context, pkcs11.Request) (pkcs11.Signature, error) {
	return func(ctx context.Context, r pkcs11.Request) (pkcs11.Signature, error) {
		if r.CertificateID != c.ID {
			return pkcs11.Signature{}, pkcs11.ErrCardChanged
		}
		pin, err := r.PIN(ctx, pkcs11.PINRequest{Certificate: c, Token: *c.Slot.Token})
		if err != nil {
			return pkcs11.Signature{}, err
		}
		if string(pin) != "1234" {
			return pkcs11.Signature{}, fmt.Errorf("%w", pkcs11.ErrPINIncorrect)
		}
		r.Signing()
		message, err := r.Message(pkcs11.ES256)
		if err != nil {
			return pkcs11.Signature{}, err
		}
		sum := sha256.Sum256(message)
		x, y, err := ecdsa.Sign(rand.Reader, key, sum[:])
		if err != nil {
			return pkcs11.Signature{}, err
		}
		raw := make([]byte, 64)
		x.FillBytes(raw[:32])
		y.FillBytes(raw[32:])
		return pkcs11.Signature{Algorithm: pkcs11.ES256, Value: raw, Certificate: c}, nil
	}
}

// oneCard is a card whose person types the right PIN.
func oneCard(t *testing.T) (*fakeCards, fakePerson) {
	c, key := holder(t, 1)
	return &fakeCards{
			snapshot: pkcs11.Snapshot{Slots: []pkcs11.Slot{c.Slot}, Certificates: []pkcs11.Certificate{c}},
			sign:     signer(c, key),
		}, fakePerson{
			pin: func(context.Context, prompt.PIN) ([]byte, error) { return []byte("1234"), nil },
		}
}

type setup struct {
	settings string
	cards    *fakeCards
	person   fakePerson
	limits   Limits
	peer     func(local, remote netip.AddrPort) (peer.Identity, error)
	choice   *Choice
	language *LanguageChoice
	policy   *policy.Effective // in place of settings, where not nil
	over     Cards             // in place of cards, where not nil
	session  time.Duration     // pin.session of the machine's policy
	desktop  func(ctx context.Context, left func(reason string)) error
	events   chan pcsc.Event // what PC/SC tells; nil: no service
	now      func() time.Time
	sites    *sites.Store
	logTo    io.Writer
	wss      LocalCertificate
}

func serve(t *testing.T, o setup) *Server {
	t.Helper()
	if o.settings == "" {
		o.settings = "[origins]\nmode = \"listed\"\nallow = [\"" + listedOrigin + "\"]\n"
	}
	file := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(file, []byte(o.settings), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := policy.Load(policy.Paths{User: file})
	if o.policy != nil {
		p = o.policy
	}
	if err != nil {
		t.Fatal(err)
	}
	p.Ports.First, p.Ports.Count = 30000+int(time.Now().UnixNano()%20000), 100
	p.WSS.First, p.WSS.Count = p.Ports.First+p.Ports.Count, p.Ports.Count
	p.PIN.Session = o.session
	if o.peer == nil {
		o.peer = func(netip.AddrPort, netip.AddrPort) (peer.Identity, error) {
			return peer.Identity{UID: uint32(os.Getuid()), Program: "/usr/bin/test"}, nil
		}
	}
	if o.logTo == nil {
		o.logTo = io.Discard
	}
	watch := func(ctx context.Context, changed func(pcsc.Event)) {
		if o.events == nil {
			changed(pcsc.Event{Err: pcsc.ErrNoService})
		}
		for {
			select {
			case e := <-o.events:
				changed(e)
			case <-ctx.Done():
				return
			}
		}
	}
	if o.over == nil {
		o.over = o.cards
	}
	s, err := New(Options{Watch: watch, Desktop: o.desktop, Language: o.language,
		Policy: p, Cards: o.over, Prompter: o.person, Logger: slog.New(slog.NewTextHandler(o.logTo, nil)), Version: "test",
		Peer: o.peer, Limits: o.limits, Choice: o.choice, Sites: o.sites, Now: o.now, LocalCertificate: o.wss,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return s
}

type testPage struct {
	t      *testing.T
	socket *websocket.Conn
}

type testAnswer struct {
	ID     json.RawMessage
	Method string
	Params struct{ State, Event string }
	Result map[string]any
	Error  *Error
}

func connect(s *Server, header http.Header) (*websocket.Conn, *http.Response, error) {
	d := websocket.Dialer{Subprotocols: []string{subprotocol}}
	return d.Dial(fmt.Sprintf("ws://127.0.0.1:%d/v1", s.Port()), header)
}

func openPage(t *testing.T, s *Server, origin string) *testPage {
	t.Helper()
	socket, response, err := connect(s, http.Header{"Origin": {origin}})
	if err != nil {
		t.Fatalf("%s: %v %v", origin, err, response)
	}
	t.Cleanup(func() { _ = socket.Close() })
	return &testPage{t, socket}
}

func (p *testPage) send(text string) {
	p.t.Helper()
	if err := p.socket.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *testPage) authenticate(id int) {
	p.t.Helper()
	p.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"authenticate","params":{"challengeNonce":%q,"lang":"fr"}}`, id, testNonce))
}

// read returns the next message.
func (p *testPage) read() testAnswer {
	p.t.Helper()
	_ = p.socket.SetReadDeadline(time.Now().Add(30 * time.Second))
	var a testAnswer
	if err := p.socket.ReadJSON(&a); err != nil {
		p.t.Fatal(err)
	}
	return a
}

// answer skips the progress.
func (p *testPage) answer() testAnswer {
	p.t.Helper()
	for {
		if a := p.read(); a.Method == "" {
			return a
		}
	}
}

// progress waits for a state.
func (p *testPage) progress(state string) {
	p.t.Helper()
	for {
		a := p.read()
		if a.Method == "progress" && a.Params.State == state {
			return
		}
		if a.Method == "" {
			p.t.Fatalf("an answer instead of %s: %+v", state, a)
		}
	}
}

func want(t *testing.T, a testAnswer, code int) {
	t.Helper()
	if a.Error == nil || a.Error.Code != code {
		t.Errorf("got %+v %v, want %d", a.Error, a.Result, code)
		return
	}
	if reason := reasons[code][0]; a.Error.Data == nil || a.Error.Data.Reason != reason {
		t.Errorf("got %+v, want the reason %q", a.Error.Data, reason)
	}
}

// waitDone is a person who does nothing.
func waitDone(ctx context.Context) error {
	<-ctx.Done()
	if strings.Contains(fmt.Sprint(ctx.Err()), "deadline") {
		return prompt.ErrTimeout
	}
	return ctx.Err()
}
