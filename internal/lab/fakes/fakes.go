// Package fakes replaces what tests of the agent's packages cannot control: a card
// that is inserted and removed at a given moment, a person who does not answer.
// Package internal/lab/e2e has the real ones. Everything here may be used
// concurrently, once its exported fields are set. It never reaches a real card.
package fakes

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// Pool is a pkcs11.Pool whose cards the test sets.
type Pool struct {
	Mu       sync.Mutex
	Cards    pkcs11.Snapshot
	Err      error
	Session  string        // the certificate of a card session
	Locked   chan struct{} // where not nil, gets a value for each Lock
	First    chan struct{} // where not nil, closed by the first reading
	Signing  func(ctx context.Context, r pkcs11.Request) (pkcs11.Signature, error)
	reads    int
	restarts int
}

// List counts a reading and returns the cards set.
func (p *Pool) List(context.Context) (pkcs11.Snapshot, error) {
	p.Mu.Lock()
	defer p.Mu.Unlock()
	p.reads++
	if p.reads == 1 && p.First != nil {
		close(p.First)
	}
	return p.Cards, p.Err
}

// Current reads anew, as a pool does whose slots are not PC/SC readers.
func (p *Pool) Current(ctx context.Context) (pkcs11.Snapshot, error) { return p.List(ctx) }

// Observe ignores the event.
func (p *Pool) Observe(pcsc.Event) {}

// Expire does nothing: each reading is a new one.
func (p *Pool) Expire() {}

// Snapshot returns the cards set, and whether they have been read.
func (p *Pool) Snapshot() (pkcs11.Snapshot, bool) {
	p.Mu.Lock()
	defer p.Mu.Unlock()
	return p.Cards, p.reads > 0
}

// Modules returns one working module.
func (p *Pool) Modules() []pkcs11.ModuleState {
	return []pkcs11.ModuleState{{Path: "/test/module.so", Info: "TEST module"}}
}

// Sign does what Signing does.
func (p *Pool) Sign(ctx context.Context, r pkcs11.Request) (pkcs11.Signature, error) {
	return p.Signing(ctx, r)
}

// Restart counts a restart.
func (p *Pool) Restart(context.Context) error {
	p.Mu.Lock()
	defer p.Mu.Unlock()
	p.restarts++
	return nil
}

// HasCardSession compares with Session.
func (p *Pool) HasCardSession(id string) bool {
	p.Mu.Lock()
	defer p.Mu.Unlock()
	return p.Session != "" && p.Session == id
}

// Lock ends the card session.
func (p *Pool) Lock(context.Context) error {
	p.Mu.Lock()
	defer p.Mu.Unlock()
	p.Session = ""
	if p.Locked != nil {
		p.Locked <- struct{}{}
	}
	return nil
}

// Set replaces the cards.
func (p *Pool) Set(s pkcs11.Snapshot) {
	p.Mu.Lock()
	defer p.Mu.Unlock()
	p.Cards = s
}

// Reads returns how often the cards were read.
func (p *Pool) Reads() int {
	p.Mu.Lock()
	defer p.Mu.Unlock()
	return p.reads
}

// Restarts returns how often the modules were restarted.
func (p *Pool) Restarts() int {
	p.Mu.Lock()
	defer p.Mu.Unlock()
	return p.restarts
}

// Person answers dialogs with its functions. One that is nil must not be needed.
type Person struct {
	OnConsent func(ctx context.Context, c prompt.Caller) error
	OnChoose  func(ctx context.Context, holders []prompt.Holder) (int, error)
	OnPIN     func(ctx context.Context, p prompt.PIN) ([]byte, error)
	OnInsert  func(ctx context.Context, reader bool) error
	OnConfirm func(ctx context.Context, c prompt.Caller, h prompt.Holder) error
	OnAlways  func(ctx context.Context, c prompt.Caller) error
	OnShow    func(ctx context.Context, lang, title, text string) error
}

// Consent implements prompt.Prompter.
func (p Person) Consent(ctx context.Context, _ string, c prompt.Caller) error {
	return p.OnConsent(ctx, c)
}

// Always implements prompt.Prompter.
func (p Person) Always(ctx context.Context, _ string, c prompt.Caller) error {
	return p.OnAlways(ctx, c)
}

// Choose implements prompt.Prompter.
func (p Person) Choose(ctx context.Context, _ string, _ prompt.Caller, h []prompt.Holder) (int, error) {
	return p.OnChoose(ctx, h)
}

// PIN implements prompt.Prompter.
func (p Person) PIN(ctx context.Context, _ string, d prompt.PIN) ([]byte, error) {
	return p.OnPIN(ctx, d)
}

// Confirm implements prompt.Prompter.
func (p Person) Confirm(ctx context.Context, _ string, c prompt.Caller, h prompt.Holder) error {
	return p.OnConfirm(ctx, c, h)
}

// Show implements prompt.Prompter; without OnShow the text is closed at once.
func (p Person) Show(ctx context.Context, lang, title, text string) error {
	if p.OnShow == nil {
		return nil
	}
	return p.OnShow(ctx, lang, title, text)
}

// InsertCard implements prompt.Prompter.
func (p Person) InsertCard(ctx context.Context, _ string, _ prompt.Caller, reader bool) error {
	return p.OnInsert(ctx, reader)
}

// DoNothing is a person who leaves a dialog open until ctx ends.
func DoNothing(ctx context.Context) error {
	<-ctx.Done()
	if strings.Contains(fmt.Sprint(ctx.Err()), "deadline") {
		return prompt.ErrTimeout
	}
	return ctx.Err()
}

// ReaderName is the reader's of Certificate, Present and Empty.
const ReaderName = "TEST reader"

// EmptySlot is that reader without a card.
var EmptySlot = pkcs11.Slot{Description: ReaderName, Hardware: true}

// Present is the PC/SC event of a card in the reader, the count-th change of it.
func Present(count uint16) pcsc.Event {
	return pcsc.Event{Readers: []pcsc.Reader{{Name: ReaderName, Present: true, Count: count}}}
}

// Empty is the PC/SC event of the reader without a card.
func Empty(count uint16) pcsc.Event {
	return pcsc.Event{Readers: []pcsc.Reader{{Name: ReaderName, Count: count}}}
}

// Certificate makes the n-th person's certificate, on a card in the reader, and
// the key that goes with it.
func Certificate(t testing.TB, n int) (pkcs11.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der := issue(t, n, key)
	sum := sha256.Sum256(der.Raw)
	token := &pkcs11.Token{Label: fmt.Sprintf("TEST %d", n), MinPIN: 4, MaxPIN: 8}
	return pkcs11.Certificate{
		ID: hex.EncodeToString(sum[:]), X509: der,
		Slot: pkcs11.Slot{Module: "test", ID: uint(n), Description: ReaderName, Hardware: true, Token: token},
	}, key
}

var testPKI = sync.OnceValues(func() (*demopki.PKI, error) { return demopki.New(time.Now()) })

func issue(t testing.TB, n int, key *ecdsa.PrivateKey) *x509.Certificate {
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

// Signer asks for a PIN as the pool does, takes 1234, and signs.
func Signer(c pkcs11.Certificate, key *ecdsa.PrivateKey) func(context.Context, pkcs11.Request) (pkcs11.Signature, error) {
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
		value, err := sign(key, message)
		return pkcs11.Signature{Algorithm: pkcs11.ES256, Value: value, Certificate: c}, err
	}
}

func sign(key *ecdsa.PrivateKey, message []byte) ([]byte, error) {
	sum := sha256.Sum256(message)
	x, y, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		return nil, err
	}
	raw := make([]byte, 64)
	x.FillBytes(raw[:32])
	y.FillBytes(raw[32:])
	return raw, nil
}

// OneCard is a card whose person types the right PIN.
func OneCard(t testing.TB) (*Pool, Person) {
	t.Helper()
	c, key := Certificate(t, 1)
	return &Pool{
			Cards:   pkcs11.Snapshot{Slots: []pkcs11.Slot{c.Slot}, Certificates: []pkcs11.Certificate{c}},
			Signing: Signer(c, key),
		}, Person{
			OnPIN: func(context.Context, prompt.PIN) ([]byte, error) { return []byte("1234"), nil },
		}
}
