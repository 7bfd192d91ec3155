package pkcs11

import (
	"context"
	"crypto"
	"crypto/x509"

	"github.com/cpx-bridge/cpx-bridge/internal/jwa"
)

// Reason says why a certificate is not offered for a login.
type Reason string

// The reasons, as the details of no_certificate in docs/portal-developers.md, and
// the empty one.
const (
	Usable               Reason = ""
	Expired              Reason = "expired"
	NotYetValid          Reason = "not_yet_valid"
	NotForAuthentication Reason = "not_for_authentication"
	KeyWithoutPIN        Reason = "key_without_pin"
	// Unreadable is a certificate that cannot be parsed: some issuers make such.
	Unreadable Reason = "unreadable"
	// NoKey is a certificate without its private key, where that is known before the
	// PIN; where not, a login ends with ErrNoKey.
	NoKey Reason = "no_key"
	// KeyUnsupported is a key that no algorithm of the token is for, or no mechanism
	// of the card.
	KeyUnsupported Reason = "key_unsupported"
)

// Reasons are all but Usable, for tests that compare what others say of them.
func Reasons() []Reason {
	return []Reason{Expired, NotYetValid, NotForAuthentication, KeyWithoutPIN, Unreadable, NoKey, KeyUnsupported}
}

// Slot is a place that can hold a card.
type Slot struct {
	Module      string // path of the module
	ID          uint
	Description string // PC/SC reader name, trimmed
	Hardware    bool   // CKF_HW_SLOT: a reader, also when empty
	Token       *Token // nil: no card, or none that the module can use
	// Unrecognized is set where something is in the reader that the module
	// does not know (CKR_TOKEN_NOT_RECOGNIZED), also where it says that nothing is.
	Unrecognized bool
	// Failure is why nothing on the token could be read, where that failed.
	Failure error
	// Hidden is set where the token asks for a PIN and shows no certificate of a
	// person before one: they are private objects, or there are none.
	Hidden      bool
	Mute        bool // what is in the reader does not answer: an Unrecognized one
	Contactless bool // a CPS laid on a contactless reader, where no login can use it
}

// Token is a card as its module describes it.
type Token struct {
	Label, Manufacturer, Model, Serial string
	MinPIN, MaxPIN                     int // characters; 0: not known
	PINCountLow, PINFinalTry           bool
	PINLocked, PINNotSet               bool
	PINExpired                         bool // it must be changed before anything else
	MaybeInUse                         bool // PINLocked may mean that another program has the card open
	ProtectedPath                      bool // the PIN is typed on the reader

	loginRequired bool // CKF_LOGIN_REQUIRED
	openForUs     bool // it says that its PIN is locked, because this pool has shown it
}

// Certificate is one certificate found on a card.
type Certificate struct {
	ID string // lower-case hex SHA-256 of the DER
	// X509 is never nil. Of an Unreadable one it holds Raw and what can be shown to
	// people, without a key.
	X509   *x509.Certificate
	Label  string // for people only: never used to choose
	KeyID  []byte // CKA_ID
	Slot   Slot
	Reason Reason // why it is not usable, or Usable
}

// Snapshot is what all modules showed at one moment. The same certificate
// through two modules appears once, from the first.
type Snapshot struct {
	Slots        []Slot
	Certificates []Certificate
}

// Request is one signature for a login.
type Request struct {
	CertificateID string
	// Message is what is signed; the pool hashes it with Hash.
	// Algorithm is chosen by the pool from key and mechanisms and handed to
	// the callback, because the message depends on it.
	Message func(Algorithm) ([]byte, error)
	PIN     PINFunc
	// OpenCardSession leaves the card logged in after the signature, for requests
	// with UseCardSession, until Lock. A key that wants the PIN for each use opens
	// none.
	OpenCardSession bool
	// UseCardSession signs in the session that is open; PIN is not called.
	// ErrNoCardSession where there is none.
	UseCardSession bool
	// JustRead says that the certificate is of a reading that Current or List has made just
	// now, and that nobody was asked anything since: cards of which PC/SC says nothing are
	// not read once more before the PIN, unless that reading rested on a card session. They
	// are after it.
	JustRead bool
	// MayReset, when not nil, is asked before a card is reset that says that its PIN
	// is locked, because that may mean that another program has it open. It returns
	// true once in a login that a person asked for: that program loses the card.
	MayReset func() bool
	// Signing, when not nil, is called when the PIN is in and the card works.
	Signing func()
	// Step, when not nil, is called at each step, with the context of Sign. An error
	// before one that Begins keeps that call from being made, and ends the signature; it
	// is ignored at every other. It must not wait.
	Step func(ctx context.Context, s Step) error
}

// Algorithm is a JWS name as the Web eID token uses them (RFC 7518, 3.1).
type Algorithm string

// The algorithms that this package produces.
const (
	RS256 Algorithm = jwa.RS256
	PS256 Algorithm = jwa.PS256
	ES256 Algorithm = jwa.ES256
	ES384 Algorithm = jwa.ES384
	ES512 Algorithm = jwa.ES512
)

// Hash is the algorithm's digest.
func (a Algorithm) Hash() crypto.Hash { return a.rules().Hash() }

func (a Algorithm) rules() jwa.Algorithm { return jwa.Get(string(a)) }

// PINRequest is what a dialog needs to know to ask for a PIN.
type PINRequest struct {
	Certificate Certificate
	Token       Token // as it was last read
}

// PINFunc asks the person. The pool overwrites the slice after use. An error
// ends the signature and is returned, wrapped; no try is spent.
//
// While it runs, the token is read once more. Where that shows other tries than the
// person was shown, ctx ends with ErrTriesChanged as its cause, and PINFunc, which
// returns the context's error, is called once more with the token as it is now:
// only where the tries changed before an answer, and at no cost in tries. An answer
// that came first counts, and a PIN that is locked by then ends the signature with
// ErrPINLocked.
//
// For a token with a protected authentication path it returns nil: the PIN is
// typed on the reader.
type PINFunc func(ctx context.Context, ask PINRequest) ([]byte, error)

// Signature is what Sign gives back; ECDSA as raw r‖s.
type Signature struct {
	Algorithm   Algorithm
	Value       []byte
	Certificate Certificate
}
