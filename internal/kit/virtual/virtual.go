// Package virtual is a station with a virtual card on a virtual reader: a card of
// the demonstration PKI (package vcard), a stand-in for pcscd (package vreader),
// and commands to insert, remove, unplug and lock it. cpx-card offers it to people
// without a card, and the tests use it too.
//
// A Station may be used concurrently. It never stores its keys, so that each start
// is a renewal of the same holder's card.
package virtual

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
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

// PIN is a virtual card's PIN by default.
const PIN = "1234"

// ReaderName is the reader's name by default.
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

// CardOptions are options of NewCard; each field has a default.
type CardOptions struct {
	Type   string         // by default CPS3
	Holder demopki.Holder // by default the first CPS
	PIN    string         // by default PIN
	Tries  int            // by default vcard.DefaultTries
	// NotAfter is the end of its certificates, by default in three years.
	NotAfter time.Time
	// Serial is the card's number, eight digits; by default it is made from its keys,
	// so that a card with other keys has another one.
	Serial string
	// WithoutSignature omits the signature certificate, WithoutAuthentication a PIV
	// card's authentication certificate.
	WithoutSignature, WithoutAuthentication bool
	// Contactless lays a CPS3 on a contactless reader: its technical key only.
	Contactless bool
	// CardAuthentication adds to a PIV card a key that needs no PIN.
	CardAuthentication bool
	// SignatureForLogin puts an authentication certificate in a PIV card's slot 9C,
	// which needs the PIN for each use.
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
	if o.Contactless {
		if o.Type != CPS3 {
			return nil, fmt.Errorf("%w: a contactless %s", ErrUnknownType, o.Type)
		}
		o.WithoutAuthentication, o.WithoutSignature = true, true
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
	open, err := identity(o.CardAuthentication || o.Contactless, demopki.Technical)
	if err != nil {
		return nil, err
	}
	if o.Serial == "" {
		if o.Serial, err = serialOf(authentication, signature, open); err != nil {
			return nil, err
		}
	}
	pin := vcard.NewPIN(o.PIN, o.Tries)
	switch content := (vcard.CPSContent{Serial: o.Serial, Authentication: authentication, Signature: signature, Technical: open}); {
	case o.Contactless:
		content.Label = o.Holder.Kind + "3v3_CL-TEST" + o.Serial
		return vcard.NewContactlessCPS3(content, pin)
	case o.Type == CPS3:
		content.Label = o.Holder.Kind + "3v3-TEST" + o.Serial
		return vcard.NewCPS3(content, pin)
	case o.Type == CPS4:
		content.Label = o.Holder.Kind + "4v1-TEST" + o.Serial
		return vcard.NewCPS4(content, pin)
	}
	piv := vcard.PIVContent{Authentication: authentication, Signature: signature, CardAuthentication: open}
	copy(piv.GUID[:], o.Serial+o.Holder.Identifier)
	return vcard.NewPIV(piv, pin)
}

// serialOf makes a card's number from its keys. Modules keep what they have read of a
// card under its number: other keys under the same one would be taken for the old.
func serialOf(identities ...*vcard.Identity) (string, error) {
	keys := sha256.New()
	for _, identity := range identities {
		if identity == nil {
			continue
		}
		der, err := x509.MarshalPKIXPublicKey(identity.Key.Public())
		if err != nil {
			return "", err
		}
		keys.Write(der)
	}
	return fmt.Sprintf("%08d", binary.BigEndian.Uint64(keys.Sum(nil))%1e8), nil
}

// Identities makes an authentication and a signature key with their certificates,
// as a card of the options' type holds them.
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

// Station is a reader with a card, for programs whose PCSCLITE_CSOCK_NAME is its
// socket. Its methods may be called concurrently.
type Station struct {
	name   string
	pinPad bool
	path   string
	apdus  atomic.Int64

	mu      sync.Mutex
	service *vreader.Service // nil while the service is stopped
	reader  *vreader.Reader  // nil while it is unplugged
	card    vcard.Card
	inside  vcard.Card // the card or another in the reader, nil for none
	delay   time.Duration
}

// StationOptions are options of NewStation.
type StationOptions struct {
	Socket string // the path of the socket, in an existing folder
	Reader string // the reader's name, by default ReaderName
	PINPad bool
	Card   vcard.Card
}

// NewStation starts serving a reader with the card in it, until Stop.
func NewStation(o StationOptions) (*Station, error) {
	s := &Station{name: o.Reader, pinPad: o.PINPad, path: o.Socket, card: o.Card, inside: o.Card}
	if s.name == "" {
		s.name = ReaderName
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s, s.start()
}

func (s *Station) start() error {
	service, err := vreader.Listen(s.path)
	if err != nil {
		return err
	}
	s.service = service
	return s.plug()
}

func (s *Station) plug() error {
	if s.service == nil || s.reader != nil {
		return nil
	}
	r, err := s.service.Plug(s.name, vreader.ReaderOptions{PINPad: s.pinPad, APDUs: &s.apdus})
	if err != nil {
		return err
	}
	s.reader = r
	s.slow()
	if s.inside != nil {
		r.Insert(s.inside)
	}
	return nil
}

func (s *Station) slow() {
	if s.reader == nil {
		return
	}
	delay := s.delay
	if delay == 0 {
		s.reader.SetDelay(nil)
		return
	}
	s.reader.SetDelay(func([]byte) time.Duration { return delay })
}

// Socket returns the path for PCSCLITE_CSOCK_NAME.
func (s *Station) Socket() string { return s.path }

// APDUs returns how many commands programs have sent to the station's cards so far.
func (s *Station) APDUs() int64 { return s.apdus.Load() }

// Card returns the station's card, in the reader or out of it.
func (s *Station) Card() vcard.Card {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.card
}

// Reader returns the reader, nil while it is unplugged.
func (s *Station) Reader() *vreader.Reader {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reader
}

// Service returns the stand-in for pcscd, nil while it is stopped.
func (s *Station) Service() *vreader.Service {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.service
}

// Put replaces the station's card and inserts the new one.
func (s *Station) Put(card vcard.Card) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.card = card
	s.insert(card)
}

// Insert inserts the card in the reader, in the place of another one.
func (s *Station) Insert() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.insert(s.card)
}

// InsertBadge puts a badge, which no module recognises, in the reader. The station's
// card lies beside it.
func (s *Station) InsertBadge() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.insert(vcard.NewBadge())
}

func (s *Station) insert(card vcard.Card) {
	s.inside = card
	if s.reader != nil {
		s.reader.Insert(card)
	}
}

// Remove removes the card from the reader.
func (s *Station) Remove() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inside = nil
	if s.reader != nil {
		s.reader.Remove()
	}
}

// Unplug unplugs the reader, with the card in it.
func (s *Station) Unplug() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reader != nil {
		s.reader.Unplug()
		s.reader = nil
	}
}

// Plug plugs the reader in again.
func (s *Station) Plug() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.plug()
}

// Stop stops the service, as if the daemon were stopped.
func (s *Station) Stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.service == nil {
		return nil
	}
	err := s.service.Close()
	s.service, s.reader = nil, nil
	return err
}

// Start starts the service again.
func (s *Station) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.service != nil {
		return nil
	}
	return s.start()
}

// SetDelay delays the card's answer to each command.
func (s *Station) SetDelay(delay time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delay = delay
	s.slow()
}
