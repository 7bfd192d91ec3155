// Package virtual is a station with a virtual card on a virtual reader: a card of
// the demonstration PKI (package vcard), a stand-in for pcscd (package vreader),
// and commands to insert, remove, unplug and lock it. cpx-card offers it to people
// without a card, and the tests use the same one.
//
// A Station may be used from any goroutine. Its keys lie in memory only, so that
// each start is a renewed card of the same holder.
package virtual

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/vcard"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/vreader"
)

// PIN opens a virtual card where nothing else is said.
const PIN = "1234"

// ReaderName is the reader's where nothing else is said.
const ReaderName = "CPx Bridge Virtual Reader (TEST) 00 00"

// The types of card.
const (
	CPS3    = "cps3"
	CPS4    = "cps4"
	PIV     = "piv" // RSA-2048
	PIVP256 = "piv-p256"
	PIVP384 = "piv-p384"
)

// Types are the types of card, the default first.
func Types() []string { return []string{CPS3, CPS4, PIV, PIVP256, PIVP384} }

// ErrUnknownType says that there is no such type of card.
var ErrUnknownType = errors.New("no such type of card")

// CardOptions make a card; the zero value of each field has a default.
type CardOptions struct {
	Type   string         // CPS3
	Holder demopki.Holder // the first CPS
	PIN    string         // PIN
	Tries  int            // vcard.DefaultTries
	// NotAfter is the end of its certificates; in three years.
	NotAfter time.Time
	// Serial of a CPS card, eight digits.
	Serial string
	// WithoutSignature leaves the signature certificate out, and of a PIV card
	// the authentication one too where WithoutAuthentication is set.
	WithoutSignature, WithoutAuthentication bool
	// CardAuthentication gives a PIV card a key that needs no PIN.
	CardAuthentication bool
	// SignatureForLogin makes a PIV card's slot 9C, which wants the PIN for each
	// use, an authentication certificate.
	SignatureForLogin bool
}

// NewCard makes a card whose certificates the authority issues.
func NewCard(a *demopki.Authority, o CardOptions) (vcard.Card, error) {
	if o.Type == "" {
		o.Type = CPS3
	}
	if !slices.Contains(Types(), o.Type) {
		return nil, fmt.Errorf("%w: %q; there are %s", ErrUnknownType, o.Type, strings.Join(Types(), ", "))
	}
	if o.Holder == (demopki.Holder{}) {
		o.Holder = demopki.NewHolder("CPS", 1)
	}
	if o.PIN == "" {
		o.PIN = PIN
	}
	if o.Tries == 0 {
		o.Tries = vcard.DefaultTries
	}
	if o.NotAfter.IsZero() {
		o.NotAfter = time.Now().AddDate(3, 0, 0)
	}
	if o.Serial == "" {
		o.Serial = "00000001"
	}
	identity := func(wanted bool, usage demopki.Usage) (*vcard.Identity, error) {
		if !wanted {
			return nil, nil
		}
		return newIdentity(a, o, usage)
	}
	authentication, err := identity(!o.WithoutAuthentication, demopki.Authentication)
	if err != nil {
		return nil, err
	}
	usage := demopki.Signature
	if o.SignatureForLogin {
		usage = demopki.Authentication
	}
	signature, err := identity(!o.WithoutSignature, usage)
	if err != nil {
		return nil, err
	}
	open, err := identity(o.CardAuthentication, demopki.Technical)
	if err != nil {
		return nil, err
	}
	pin := vcard.NewPIN(o.PIN, o.Tries)
	switch content := (vcard.CPSContent{Serial: o.Serial, Authentication: authentication, Signature: signature}); o.Type {
	case CPS3:
		content.Label = o.Holder.Kind + "3v3-TEST" + o.Serial
		return vcard.NewCPS3(content, pin)
	case CPS4:
		content.Label = o.Holder.Kind + "4v1-TEST" + o.Serial
		return vcard.NewCPS4(content, pin)
	}
	piv := vcard.PIVContent{Authentication: authentication, Signature: signature, CardAuthentication: open}
	copy(piv.GUID[:], o.Serial+o.Holder.Identifier)
	return vcard.NewPIV(piv, pin)
}

// Identities are an authentication and a signature key with their certificates,
// as a card of that type holds them.
func Identities(a *demopki.Authority, o CardOptions) ([]*vcard.Identity, error) {
	if o.Holder == (demopki.Holder{}) {
		o.Holder = demopki.NewHolder("CPS", 1)
	}
	if o.NotAfter.IsZero() {
		o.NotAfter = time.Now().AddDate(3, 0, 0)
	}
	var list []*vcard.Identity
	for _, usage := range []demopki.Usage{demopki.Authentication, demopki.Signature} {
		identity, err := newIdentity(a, o, usage)
		if err != nil {
			return nil, err
		}
		list = append(list, identity)
	}
	return list, nil
}

func newIdentity(a *demopki.Authority, o CardOptions, usage demopki.Usage) (*vcard.Identity, error) {
	var key crypto.Signer
	var err error
	switch o.Type {
	case PIVP256:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case PIVP384:
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	default:
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		return nil, err
	}
	from := time.Now().Add(-time.Hour)
	if o.NotAfter.Before(from) {
		from = o.NotAfter.AddDate(-3, 0, 0)
	}
	cert, err := a.Issue(demopki.Leaf{Holder: o.Holder, Usage: usage, NotBefore: from, NotAfter: o.NotAfter, PublicKey: key.Public()})
	return &vcard.Identity{Key: key, Cert: cert}, err
}

// Station is a reader with a card on it, served to programs whose
// PCSCLITE_CSOCK_NAME is its socket.
type Station struct {
	name   string
	pinPad bool
	path   string
	apdus  atomic.Int64

	mu      sync.Mutex
	service *vreader.Service // nil while the service is stopped
	reader  *vreader.Reader  // nil while it is unplugged
	card    vcard.Card
	in      bool
	delay   time.Duration
}

// StationOptions make a Station.
type StationOptions struct {
	Socket string // the path of the socket; its folder exists
	Reader string // its name; ReaderName
	PINPad bool
	Card   vcard.Card
}

// NewStation serves a reader with the card in it.
func NewStation(o StationOptions) (*Station, error) {
	d := &Station{name: o.Reader, pinPad: o.PINPad, path: o.Socket, card: o.Card, in: o.Card != nil}
	if d.name == "" {
		d.name = ReaderName
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d, d.start()
}

func (d *Station) start() error {
	s, err := vreader.Listen(d.path)
	if err != nil {
		return err
	}
	d.service = s
	return d.plug()
}

func (d *Station) plug() error {
	if d.service == nil || d.reader != nil {
		return nil
	}
	r, err := d.service.Plug(d.name, vreader.ReaderOptions{PINPad: d.pinPad, APDUs: &d.apdus})
	if err != nil {
		return err
	}
	d.reader = r
	d.slow()
	if d.in {
		r.Insert(d.card)
	}
	return nil
}

func (d *Station) slow() {
	if d.reader == nil {
		return
	}
	delay := d.delay
	if delay == 0 {
		d.reader.SetDelay(nil)
		return
	}
	d.reader.SetDelay(func([]byte) time.Duration { return delay })
}

// Socket is the path for PCSCLITE_CSOCK_NAME.
func (d *Station) Socket() string { return d.path }

// APDUs is how many commands programs have sent to the station's cards so far.
func (d *Station) APDUs() int64 { return d.apdus.Load() }

// Card is the station's card, in the reader or beside it.
func (d *Station) Card() vcard.Card {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.card
}

// Reader is the reader, nil while it is unplugged.
func (d *Station) Reader() *vreader.Reader {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.reader
}

// Service is the stand-in, nil while it is stopped.
func (d *Station) Service() *vreader.Service {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.service
}

// Put lays another card at the station and inserts it.
func (d *Station) Put(card vcard.Card) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.card = card
	d.insert()
}

// Insert puts the card in the reader.
func (d *Station) Insert() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.insert()
}

func (d *Station) insert() {
	d.in = true
	if d.reader != nil {
		d.reader.Insert(d.card)
	}
}

// Remove takes the card out.
func (d *Station) Remove() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.in = false
	if d.reader != nil {
		d.reader.Remove()
	}
}

// Unplug takes the reader away, the card in it.
func (d *Station) Unplug() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.reader != nil {
		d.reader.Unplug()
		d.reader = nil
	}
}

// Plug brings the reader back.
func (d *Station) Plug() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.plug()
}

// Stop stops the service, as a daemon that is ended.
func (d *Station) Stop() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.service == nil {
		return nil
	}
	err := d.service.Close()
	d.service, d.reader = nil, nil
	return err
}

// Start starts the service again.
func (d *Station) Start() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.service != nil {
		return nil
	}
	return d.start()
}

// SetDelay makes the card slow by so much for each command.
func (d *Station) SetDelay(delay time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.delay = delay
	d.slow()
}
