// Package floor is the least that a page's login with a PKCS#11 module takes: a socket of
// the same library as the agent's, a mutex, the calls of a module in this process, and
// JSON. It asks nobody, checks no caller, reads no certificate and knows no card that is
// changed. The agent is measured against it.
//
// A Floor may be used from any goroutine. It is for demonstration cards only: it never
// protects a card from wrong PINs.
package floor

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"

	"github.com/gorilla/websocket"
	p11 "github.com/miekg/pkcs11"
)

// Options make a Floor.
type Options struct {
	Module, Label, PIN string
	KeyLabel           string // of the private key
}

// Floor is a server that signs for whoever connects.
type Floor struct {
	options   Options
	module    *p11.Ctx
	mechanism []*p11.Mechanism
	server    *httptest.Server

	mu      sync.Mutex
	slot    uint
	session p11.SessionHandle // logged in
	key     p11.ObjectHandle  // in it
}

// request is what a page sends; Method is "login", which logs in and out for its
// signature, "sign", in the session that stays logged in, or "echo".
type request struct {
	ID     int    `json:"id"`
	Method string `json:"method"`
	Nonce  []byte `json:"nonce"`
}

type answer struct {
	ID        int    `json:"id"`
	Signature []byte `json:"signature"`
	Error     string `json:"error,omitempty"`
}

var (
	errNoToken = errors.New("floor: no such token")
	errNoKey   = errors.New("floor: no such key")
)

// Open initialises the module in this process, and begins to serve.
func Open(o Options) (*Floor, error) {
	f := &Floor{options: o, module: p11.New(o.Module)}
	if f.module == nil {
		return nil, fmt.Errorf("floor: %s is not a PKCS#11 module", o.Module)
	}
	if err := f.module.Initialize(); err != nil {
		f.module.Destroy()
		return nil, err
	}
	if err := f.find(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	f.server = httptest.NewServer(http.HandlerFunc(f.serve))
	return f, nil
}

// Close ends the server and finalises the module.
func (f *Floor) Close() error {
	if f.server != nil {
		f.server.Close()
	}
	err := f.module.Finalize()
	f.module.Destroy()
	return err
}

func (f *Floor) find() error {
	slots, err := f.module.GetSlotList(true)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(slots, func(id uint) bool {
		info, err := f.module.GetTokenInfo(id)
		return err == nil && strings.Trim(info.Label, " \x00") == f.options.Label
	})
	if at < 0 {
		return errNoToken
	}
	f.slot = slots[at]
	s, err := f.module.OpenSession(f.slot, p11.CKF_SERIAL_SESSION)
	if err != nil {
		return err
	}
	if err := f.module.Login(s, p11.CKU_USER, f.options.PIN); err != nil {
		return err
	}
	key, err := f.keyIn(s)
	if err != nil {
		return err
	}
	kind, err := f.module.GetAttributeValue(s, key, []*p11.Attribute{p11.NewAttribute(p11.CKA_KEY_TYPE, nil)})
	if err != nil {
		return err
	}
	f.mechanism = []*p11.Mechanism{p11.NewMechanism(p11.CKM_RSA_PKCS, nil)}
	if kind[0].Value[0] == p11.CKK_EC {
		f.mechanism = []*p11.Mechanism{p11.NewMechanism(p11.CKM_ECDSA, nil)}
	}
	return errors.Join(f.module.Logout(s), f.module.CloseSession(s))
}

func (f *Floor) keyIn(s p11.SessionHandle) (p11.ObjectHandle, error) {
	template := []*p11.Attribute{p11.NewAttribute(p11.CKA_CLASS, p11.CKO_PRIVATE_KEY), p11.NewAttribute(p11.CKA_LABEL, f.options.KeyLabel)}
	if err := f.module.FindObjectsInit(s, template); err != nil {
		return 0, err
	}
	found, _, err := f.module.FindObjects(s, 1)
	if err = errors.Join(err, f.module.FindObjectsFinal(s)); err == nil && len(found) == 0 {
		err = errNoKey
	}
	if err != nil {
		return 0, err
	}
	return found[0], nil
}

// OpenSession logs in, for requests of the method "sign", until the returned function is called.
func (f *Floor) OpenSession() (end func() error, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.session, err = f.module.OpenSession(f.slot, p11.CKF_SERIAL_SESSION); err != nil {
		return nil, err
	}
	if err = f.module.Login(f.session, p11.CKU_USER, f.options.PIN); err != nil {
		return nil, err
	}
	f.key, err = f.keyIn(f.session)
	return func() error {
		f.mu.Lock()
		defer f.mu.Unlock()
		return errors.Join(f.module.Logout(f.session), f.module.CloseSession(f.session))
	}, err
}

// digestInfo is the DER that precedes a SHA-256 digest (RFC 8017, 9.2, note 1).
var digestInfo = []byte{
	0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20,
}

func (f *Floor) signIn(s p11.SessionHandle, key p11.ObjectHandle, nonce []byte) ([]byte, error) {
	if err := f.module.SignInit(s, f.mechanism, key); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(nonce)
	input := sum[:]
	if f.mechanism[0].Mechanism == p11.CKM_RSA_PKCS {
		input = slices.Concat(digestInfo, input)
	}
	return f.module.Sign(s, input)
}

// Sign is the raw signature in that session, without a socket.
func (f *Floor) Sign(nonce []byte) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.signIn(f.session, f.key, nonce)
}

// LogIn logs in, signs and logs out, without a socket.
func (f *Floor) LogIn(nonce []byte) (signature []byte, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, err := f.module.OpenSession(f.slot, p11.CKF_SERIAL_SESSION)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.module.CloseSession(s)) }()
	if err := f.module.Login(s, p11.CKU_USER, f.options.PIN); err != nil {
		return nil, err
	}
	key, err := f.keyIn(s)
	if err == nil {
		signature, err = f.signIn(s, key, nonce)
	}
	return signature, errors.Join(err, f.module.Logout(s))
}

func (f *Floor) serve(w http.ResponseWriter, r *http.Request) {
	upgrader := websocket.Upgrader{}
	socket, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer socket.Close()
	for {
		var q request
		if err := socket.ReadJSON(&q); err != nil {
			return
		}
		a := answer{ID: q.ID}
		switch q.Method {
		case "login":
			a.Signature, err = f.LogIn(q.Nonce)
		case "sign":
			a.Signature, err = f.Sign(q.Nonce)
		}
		if err != nil {
			a.Error = err.Error()
		}
		if err := socket.WriteJSON(a); err != nil {
			return
		}
	}
}

// Page is a connection to a Floor, for one goroutine at a time.
type Page struct {
	socket *websocket.Conn
	last   int
}

// Dial connects to the Floor.
func (f *Floor) Dial() (*Page, error) {
	socket, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(f.server.URL, "http"), nil)
	return &Page{socket: socket}, err
}

// Close ends the connection.
func (p *Page) Close() error { return p.socket.Close() }

var errAnswer = errors.New("floor: another answer than was asked for")

// Call makes one request, and waits for its answer.
func (p *Page) Call(method string, nonce []byte) ([]byte, error) {
	p.last++
	if err := p.socket.WriteJSON(request{p.last, method, nonce}); err != nil {
		return nil, err
	}
	var a answer
	if err := p.socket.ReadJSON(&a); err != nil {
		return nil, err
	}
	if a.ID != p.last || a.Error != "" {
		return nil, fmt.Errorf("%w: %+v", errAnswer, a)
	}
	return a.Signature, nil
}
