package pkcs11

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	p11 "github.com/miekg/pkcs11"

	"github.com/cpx-bridge/cpx-bridge/cps"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/fuzzing"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// fuzzNow is when the certificates of the seeds are valid.
var fuzzNow = time.Date(2026, time.December, 1, 12, 0, 0, 0, time.UTC)

// playedModule is a module's process whose answers are a script: a line for each, its
// head and after a tab its tail in base64. After the last its process has ended.
type playedModule struct {
	mu     sync.Mutex
	script []string
	frame  bytes.Reader
	ended  chan struct{}
	once   sync.Once
	calls  []call
	tails  [][]byte
}

func (m *playedModule) Read(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.frame.Len() == 0 {
		if len(m.script) == 0 {
			_ = m.Close()
			return 0, io.EOF
		}
		head, tail, _ := strings.Cut(m.script[0], "\t")
		m.script = m.script[1:]
		value, _ := base64.StdEncoding.DecodeString(tail)
		frame := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(len(head))), uint32(len(value)))
		m.frame.Reset(append(append(frame, head...), value...))
	}
	return m.frame.Read(p)
}

func (m *playedModule) Write(frame []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var c call
	tail, err := (&pipe{r: bytes.NewReader(frame)}).receive(&c)
	if err != nil {
		return 0, err
	}
	m.calls, m.tails = append(m.calls, c), append(m.tails, tail)
	return len(frame), nil
}

// Close ends the process.
func (m *playedModule) Close() error {
	m.once.Do(func() { close(m.ended) })
	return nil
}

func (m *playedModule) process() *moduleProcess {
	return &moduleProcess{
		path: "/TEST/module.so", limits: DefaultLimits(), cmd: &exec.Cmd{Process: &os.Process{}},
		pipe: &pipe{r: m, w: m}, ends: [2]io.Closer{m, m}, ended: m.ended,
	}
}

// FuzzReplies: whatever a module's process answers, the agent does not fall, ends in an
// error of its own in few words, shows no certificate as fit for a login that is not
// one, and sends each PIN that a person typed once, with C_Login.
func FuzzReplies(f *testing.F) {
	const pin = "1357"
	f.Fuzz(func(t *testing.T, script string, order []byte) {
		m := &playedModule{script: ordered(strings.Split(script, "\n"), order), ended: make(chan struct{})}
		started := false
		p, err := open(t.Context(), Options{Modules: []string{"/TEST/module.so"}, Now: func() time.Time { return fuzzNow }, TriesAfter: time.Hour}, func(string) (driver, error) {
			if started {
				return nil, &Error{Op: "TEST", Kind: ErrModuleFailed}
			}
			started = true
			return m.process(), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		withoutPCSC(p)
		defer p.Close()
		snapshot, err := p.List(t.Context())
		checkError(t, err)
		typed := 0
		for _, c := range snapshot.Certificates {
			checkCertificate(t, c)
			if c.Reason != Usable || typed > 3 {
				continue
			}
			_, err := p.Sign(t.Context(), Request{CertificateID: c.ID, Message: message, PIN: func(context.Context, PINRequest) ([]byte, error) {
				typed++
				return []byte(pin), nil
			}})
			checkError(t, err)
		}
		sent := 0
		for i, c := range m.calls {
			if bytes.Contains(m.tails[i], []byte(pin)) {
				sent++
				if c.Op != "C_Login" {
					t.Errorf("the PIN goes with %s", c.Op)
				}
			}
		}
		if sent > typed {
			t.Errorf("%d PINs were typed and %d sent", typed, sent)
		}
	})
}

// ordered are the lines that order names, in its order; all where it is empty: it lets
// the fuzzer change the order of answers that it would hardly write itself.
func ordered(lines []string, order []byte) (script []string) {
	if len(order) == 0 {
		return lines
	}
	for _, i := range order {
		script = append(script, lines[int(i)%len(lines)])
	}
	return script
}

func withoutPCSC(p *Pool) {
	none := errors.New("TEST: no PC/SC")
	p.listReaders = func() ([]pcsc.Reader, error) { return nil, none }
	p.readerState = func(string) (pcsc.Reader, error) { return pcsc.Reader{}, none }
	p.cardIn = func(string) (pcsc.Card, error) { return pcsc.Card{}, none }
	p.awaitCard = func(context.Context, string) error { return none }
	p.resetCard = func(string) error { return none }
}

// typedErrors are what callers decide on.
var typedErrors = []error{
	ErrNoModule, ErrModuleFailed, ErrPINIncorrect, ErrPINLocked, ErrPINNotSet, ErrPINExpired, ErrPINLength, ErrCardRemoved, ErrCardChanged,
	ErrUnusable, ErrUnsupported, ErrKeyWithoutPIN, ErrNoKey, ErrCancelled, ErrNotPKCS11, ErrMissingDependency, ErrWrongArchitecture, ErrNotLoadable,
}

func checkError(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	for _, kind := range typedErrors {
		if errors.Is(err, kind) {
			if text := err.Error(); len(text) > 4096 || strings.ContainsAny(text, "\x00\r\x1b") {
				t.Errorf("an error of %d bytes: %.300q", len(text), text)
			}
			return
		}
	}
	t.Errorf("untyped: %v", err)
}

func checkCertificate(t *testing.T, c Certificate) {
	t.Helper()
	sum := sha256.Sum256(c.X509.Raw)
	if c.ID != hex.EncodeToString(sum[:]) || c.Slot.Token == nil {
		t.Errorf("%s is not of %x", c.ID, sum)
	}
	cps.Parse(c.X509, cps.DemoRules())
	strict, err := x509.ParseCertificate(c.X509.Raw)
	switch c.Reason {
	case Unreadable, KeyUnsupported:
		if err != nil && c.X509.PublicKey != nil {
			t.Error("what cannot be read has a key")
		}
	default:
		if err != nil || !strict.Equal(c.X509) {
			t.Errorf("%s, and the library says %v", c.Reason, err)
		}
	}
	if c.Reason == Usable && (strict.IsCA || strict.KeyUsage&x509.KeyUsageDigitalSignature == 0 || fuzzNow.Before(strict.NotBefore) || fuzzNow.After(strict.NotAfter)) {
		t.Errorf("fit for a login: %+v", strict)
	}
}

// FuzzCalls: whatever comes down the pipe, the module's process spends memory in
// proportion to it, and answers in frames that the agent reads as they were meant.
func FuzzCalls(f *testing.F) {
	f.Fuzz(func(t *testing.T, stream []byte) {
		in, out := bytes.NewReader(stream), &bytes.Buffer{}
		c := &child{pipe: &pipe{r: in, w: out}, path: "/TEST/module.so", module: &oneObject{value: stream}, slots: map[p11.SessionHandle]uint{}, loggedIn: map[p11.SessionHandle]bool{}}
		for {
			var r call
			var tail []byte
			var err error
			before := in.Len()
			if spent := fuzzing.Spent(func() { tail, err = c.pipe.receive(&r) }); spent > fuzzing.Air+16*uint64(before) {
				t.Errorf("%d bytes for a frame of at most %d", spent, before)
			}
			if err != nil {
				return
			}
			if read := before - in.Len(); len(tail) > read-8 {
				t.Errorf("a tail of %d bytes in a frame of %d", len(tail), read)
			}
			if r.Op == "open" {
				continue // it would load what the arguments name
			}
			answer, value := c.do(r, tail)
			if err := c.pipe.send(answer, value); err != nil {
				t.Fatal(err)
			}
			var arrived reply
			got, err := (&pipe{r: out}).receive(&arrived)
			if err != nil || !bytes.Equal(got, value) || answer.Failure != arrived.Failure || answer.CKR != arrived.CKR || len(answer.Values) != len(arrived.Values) {
				t.Errorf("%+v arrives as %+v: %v", answer, arrived, err)
			}
		}
	})
}

// FuzzCertificate: whatever an object on a card holds, its certificate is its own bytes
// without padding, and it is fit for a login only where the library itself reads it.
func FuzzCertificate(f *testing.F) {
	f.Fuzz(func(t *testing.T, value, id, label []byte) {
		p, err := open(t.Context(), Options{Modules: []string{"/TEST/module.so"}, Now: func() time.Time { return fuzzNow }}, func(string) (driver, error) {
			return &oneObject{value: value, id: id, label: label}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		withoutPCSC(p)
		defer p.Close()
		snapshot, err := p.List(t.Context())
		if err != nil || len(snapshot.Certificates) > 1 {
			t.Fatalf("%+v, %v", snapshot.Certificates, err)
		}
		for _, c := range snapshot.Certificates {
			checkCertificate(t, c)
			if !bytes.HasPrefix(value, c.X509.Raw) {
				t.Errorf("%x was made of %x", c.X509.Raw, value)
			}
		}
	})
}

// oneObject is a module with one card with one certificate.
type oneObject struct{ value, id, label []byte }

func (o *oneObject) Info() (p11.Info, error) { return p11.Info{}, nil }
func (o *oneObject) Slots() ([]uint, error)  { return []uint{1}, nil }
func (o *oneObject) SlotInfo(uint) (p11.SlotInfo, error) {
	return p11.SlotInfo{Flags: p11.CKF_TOKEN_PRESENT | p11.CKF_HW_SLOT}, nil
}

func (o *oneObject) TokenInfo(uint) (p11.TokenInfo, error) {
	return p11.TokenInfo{Flags: p11.CKF_TOKEN_INITIALIZED | p11.CKF_USER_PIN_INITIALIZED | p11.CKF_LOGIN_REQUIRED}, nil
}
func (o *oneObject) Mechanisms(uint) (map[uint]bool, error) {
	return map[uint]bool{p11.CKM_RSA_PKCS: true, p11.CKM_ECDSA: true}, nil
}
func (o *oneObject) OpenSession(uint) (p11.SessionHandle, error)                        { return 1, nil }
func (o *oneObject) CloseSession(p11.SessionHandle) error                               { return nil }
func (o *oneObject) SessionState(p11.SessionHandle) (uint, error)                       { return 0, nil }
func (o *oneObject) Login(p11.SessionHandle, uint, []byte) error                        { return nil }
func (o *oneObject) Logout(p11.SessionHandle) error                                     { return nil }
func (o *oneObject) Sign(_ p11.SessionHandle, d []byte) ([]byte, error)                 { return bytes.Clone(d), nil }
func (o *oneObject) SignInit(p11.SessionHandle, *p11.Mechanism, p11.ObjectHandle) error { return nil }
func (o *oneObject) Gone() bool                                                         { return false }
func (o *oneObject) Close() error                                                       { return nil }

func (o *oneObject) Find(_ p11.SessionHandle, template []*p11.Attribute, _ ...uint) ([]p11.ObjectHandle, error) {
	if len(template) == 1 && number(template[0].Value) == p11.CKO_CERTIFICATE {
		return []p11.ObjectHandle{1}, nil
	}
	return nil, nil
}

func (o *oneObject) Attributes(_ p11.SessionHandle, _ p11.ObjectHandle, types ...uint) ([][]byte, error) {
	values := make([][]byte, len(types))
	for i, kind := range types {
		switch kind {
		case p11.CKA_VALUE:
			values[i] = o.value
		case p11.CKA_ID:
			values[i] = o.id
		case p11.CKA_LABEL:
			values[i] = o.label
		}
	}
	return values, nil
}
