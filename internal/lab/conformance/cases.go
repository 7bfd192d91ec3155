package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/jwa"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/vcard"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/cardobjects"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// needs says what a case requires of the card.
type needs struct {
	pinPad bool
	always bool // only a key that needs the PIN for each use
	open   bool // only a key that needs no PIN
	// longName gives the reader a name that a slot's description has no room for, and
	// twin puts another card into a reader whose name differs behind the cut only.
	longName, twin bool
	// objects changes what is on the card, where that can be.
	objects func(*cardobjects.Card) error
	// keys is how a card's keys go with its certificate, by the name of the
	// demonstration card.
	keys string
}

// testCase is one row of the table.
type testCase struct {
	name  string
	needs needs
	do    func(ctx context.Context, l *lab) string
}

// allCases are the rows.
func allCases() []testCase { return slices.Concat(cases, objectCases) }

// wrong is a PIN of the right length that is not the card's.
func (l *lab) wrong() string { return strings.Repeat("9", len(l.pin)) }

var cases = []testCase{
	{"one certificate for the login", needs{}, func(ctx context.Context, l *lab) string {
		_, err := l.usable(ctx)
		return outcome(err)
	}},
	{"signature certificate not offered", needs{}, func(ctx context.Context, l *lab) string {
		s, err := l.pool.List(ctx)
		if err != nil {
			return outcome(err)
		}
		for _, c := range s.Certificates {
			if c.Reason == pkcs11.NotForAuthentication {
				return string(c.Reason)
			}
		}
		return "not seen"
	}},
	{"signature", needs{}, func(ctx context.Context, l *lab) string { return outcome(l.login(ctx, l.pin)) }},
	{"wrong PIN", needs{}, func(ctx context.Context, l *lab) string { return outcome(l.login(ctx, l.wrong())) }},
	{"right PIN after a wrong one", needs{}, func(ctx context.Context, l *lab) string {
		_ = l.login(ctx, l.wrong())
		return outcome(l.login(ctx, l.pin))
	}},
	{"last try said", needs{}, func(ctx context.Context, l *lab) string {
		for range mostTries {
			var pin *pkcs11.PINError
			err := l.login(ctx, l.wrong())
			switch {
			case errors.As(err, &pin) && pin.FinalTry && !pin.Locked:
				return "said"
			case !errors.Is(err, pkcs11.ErrPINIncorrect) && !errors.Is(err, pkcs11.ErrPINLocked):
				return outcome(err)
			}
		}
		return notApplicable + "CKF_USER_PIN_FINAL_TRY is never set"
	}},
	{"PIN locked", needs{}, func(ctx context.Context, l *lab) string {
		for i := range mostTries {
			err := l.login(ctx, l.wrong())
			switch {
			case errors.Is(err, pkcs11.ErrPINLocked):
				// From now on nothing may reach the card.
				return fmt.Sprintf("%s, said on try %d", outcome(l.login(ctx, l.pin)), i+1)
			case !errors.Is(err, pkcs11.ErrPINIncorrect):
				return outcome(err)
			}
			var pin *pkcs11.PINError
			if s, err := l.pool.List(ctx); err == nil && len(s.Certificates) > 0 && s.Certificates[0].Slot.Token.PINLocked || errors.As(err, &pin) && pin.Locked {
				return fmt.Sprintf("%s, said on try %d", outcome(l.login(ctx, l.pin)), i+1)
			}
		}
		return notApplicable + fmt.Sprintf("no lock: CKR_PIN_INCORRECT still after %d tries", mostTries)
	}},
	{"PIN too short", needs{}, func(ctx context.Context, l *lab) string {
		if err := l.login(ctx, "1"); l.card == nil || l.card.PIN().Tries() == 0 {
			return outcome(err)
		}
		return "the card saw it"
	}},
	{"card locked afterwards", needs{}, func(ctx context.Context, l *lab) string {
		if l.card == nil {
			return l.noReader(ctx)
		}
		if err := l.login(ctx, l.pin); err != nil {
			return outcome(err)
		}
		if l.card.PIN().Verified() {
			return "open"
		}
		return "locked"
	}},
	{"card locked afterwards, in a reader with a long name", needs{longName: true}, lockedAfterwards},
	{"cards locked afterwards, in two readers with one long name", needs{longName: true, twin: true}, lockedAfterwards},
	{"card pulled while the PIN is typed", needs{}, func(ctx context.Context, l *lab) string {
		if l.card == nil {
			return l.noReader(ctx)
		}
		return l.untouched(outcome(l.loginWith(ctx, l.station.Remove, nil)))
	}},
	{"second login asks the card nothing before the PIN", needs{}, func(ctx context.Context, l *lab) string {
		if l.card == nil {
			return l.noReader(ctx)
		}
		c, err := l.usable(ctx)
		if err == nil {
			_, err = l.pool.Sign(ctx, l.request(c, l.pin))
		}
		if err != nil {
			return outcome(err)
		}
		r := l.request(c, l.pin)
		before, asked := l.station.APDUs(), int64(0)
		r.PIN = func(context.Context, pkcs11.PINRequest) ([]byte, error) {
			asked = l.station.APDUs() - before
			return []byte(l.pin), nil
		}
		if _, err := l.pool.Sign(ctx, r); err != nil {
			return outcome(err)
		}
		if asked == 0 {
			return "nothing"
		}
		return "something"
	}},
	{"card that another program has open", needs{}, func(ctx context.Context, l *lab) string {
		if l.card == nil {
			return l.noReader(ctx)
		}
		if !l.openElsewhere() {
			return "the card is not open"
		}
		c, err := l.usable(ctx)
		if err != nil {
			return outcome(err)
		}
		if !l.card.PIN().Verified() {
			return "a reading shut the other program out"
		}
		r := l.request(c, l.pin)
		allowed := true
		r.MayReset = func() bool { was := allowed; allowed = false; return was }
		_, err = l.pool.Sign(ctx, r)
		return outcome(err)
	}},
	{"foreign card in the reader", needs{}, func(ctx context.Context, l *lab) string {
		if l.card == nil {
			return l.noReader(ctx)
		}
		l.station.InsertBadge()
		s, err := l.pool.List(ctx)
		switch {
		case err != nil:
			return outcome(err)
		case len(s.Slots) == 1 && s.Slots[0].Unrecognized && !s.Slots[0].Mute:
			return "not recognised"
		case len(s.Slots) == 1 && s.Slots[0].Token == nil && !s.Slots[0].Mute:
			return "no card"
		}
		return fmt.Sprintf("%+v", s.Slots)
	}},
	{"card upside down", needs{}, func(ctx context.Context, l *lab) string {
		if l.card == nil {
			return l.noReader(ctx)
		}
		l.station.Put(vcard.NewMute())
		s, err := l.pool.List(ctx)
		switch {
		case err != nil:
			return outcome(err)
		case len(s.Slots) == 1 && s.Slots[0].Mute:
			return "mute"
		}
		return fmt.Sprintf("%+v", s.Slots)
	}},
	{"card reset by another program while the PIN is typed", needs{}, func(ctx context.Context, l *lab) string {
		if l.card == nil {
			return l.noReader(ctx)
		}
		reset := error(nil)
		err := l.loginWith(ctx, func() { reset = pcsc.ResetCard(l.reader()) }, nil)
		return outcome(errors.Join(reset, err))
	}},
	{"card out and in while the PIN is typed", needs{}, func(ctx context.Context, l *lab) string {
		if l.card == nil {
			return l.noReader(ctx)
		}
		return l.untouched(outcome(l.loginWith(ctx, func() { l.station.Remove(); l.station.Insert() }, nil)))
	}},
	{"card pulled while it signs", needs{}, func(ctx context.Context, l *lab) string {
		if l.card == nil {
			return l.noReader(ctx)
		}
		return outcome(l.loginWith(ctx, nil, l.station.Remove))
	}},
	{"login after the card came back", needs{}, func(ctx context.Context, l *lab) string {
		if l.card == nil {
			return l.noReader(ctx)
		}
		_ = l.loginWith(ctx, nil, l.station.Remove)
		l.station.Insert()
		return outcome(l.login(ctx, l.pin))
	}},
	{"card swapped while the PIN is typed", needs{}, func(ctx context.Context, l *lab) string {
		if l.card == nil {
			return l.noReader(ctx)
		}
		other, err := l.another()
		if err != nil {
			return outcome(err)
		}
		err = l.loginWith(ctx, func() { l.station.Put(other) }, nil)
		if other.PIN().Tries() != 0 {
			return "the other card saw the PIN"
		}
		return l.untouched(outcome(err))
	}},
	{"card with another's serial, after it", needs{}, func(ctx context.Context, l *lab) string {
		if l.card == nil {
			return l.noReader(ctx)
		}
		pki, err := testPKI()
		if err != nil {
			return outcome(err)
		}
		other, err := virtual.NewCard(pki.Intermediate, virtual.CardOptions{Type: l.kind, PIN: l.pin, Serial: vcard.Serial(l.card)})
		if err != nil {
			return outcome(err)
		}
		if err := l.login(ctx, l.pin); err != nil {
			return outcome(err)
		}
		l.station.Put(other)
		return outcome(l.login(ctx, l.pin))
	}},
	{"reader unplugged", needs{}, func(ctx context.Context, l *lab) string {
		if l.card == nil {
			return l.noReader(ctx)
		}
		return l.untouched(outcome(l.loginWith(ctx, l.station.Unplug, nil)))
	}},
	{"login after reader and service came back", needs{}, func(ctx context.Context, l *lab) string {
		if l.card == nil {
			return l.noReader(ctx)
		}
		l.station.Unplug()
		_, _ = l.pool.List(ctx)
		if err := errors.Join(l.station.Stop(), l.station.Start(), l.pool.Restart(ctx)); err != nil {
			return outcome(err)
		}
		return outcome(l.login(ctx, l.pin))
	}},
	{"PIN typed on the reader", needs{pinPad: true}, func(ctx context.Context, l *lab) string {
		return l.onPINPad(ctx, func() bool { return l.station.Reader().Type(l.pin, pinPadLimit) })
	}},
	{"cancelled on the reader", needs{pinPad: true}, func(ctx context.Context, l *lab) string {
		return l.onPINPad(ctx, func() bool { return l.station.Reader().CancelPINPad(pinPadLimit) })
	}},
	{"key that wants the PIN each time", needs{always: true}, func(ctx context.Context, l *lab) string {
		if l.lacks != "" {
			return notApplicable + l.lacks
		}
		return outcome(l.login(ctx, l.pin))
	}},
	{"key that needs no PIN", needs{open: true}, func(ctx context.Context, l *lab) string {
		if l.lacks != "" {
			return notApplicable + l.lacks
		}
		s, err := l.pool.List(ctx)
		if err != nil || len(s.Certificates) != 1 {
			return fmt.Sprintf("%d certificates, %s", len(s.Certificates), outcome(err))
		}
		_, err = l.pool.Sign(ctx, l.request(s.Certificates[0], l.pin))
		return l.untouched(outcome(err))
	}},
	{"two keys with one CKA_ID", needs{keys: "two-keys"}, func(ctx context.Context, l *lab) string { return l.withKeys(ctx) }},
	{"key with another CKA_ID", needs{keys: "other-id"}, func(ctx context.Context, l *lab) string { return l.withKeys(ctx) }},
	{"certificate without a key", needs{keys: "no-key"}, func(ctx context.Context, l *lab) string { return l.withKeys(ctx) }},
	{"key on P-521", needs{keys: "cps-ec521"}, func(ctx context.Context, l *lab) string { return l.withKeys(ctx) }},
}

// withKeys is a login with a card whose keys are as the case wants them.
func (l *lab) withKeys(ctx context.Context) string {
	if l.lacks != "" {
		return notApplicable + l.lacks
	}
	return outcome(l.login(ctx, l.pin))
}

const (
	mostTries   = 6
	pinPadLimit = 10 * time.Second
)

// openElsewhere shows the card its PIN without the module, as another program does.
func (l *lab) openElsewhere() bool {
	verify := []byte{0x00, 0x20, 0x00, 0x01}
	pin := []byte(l.pin)
	switch {
	case strings.HasPrefix(l.kind, virtual.PIV):
		l.station.Reader().Transmit([]byte{0x00, 0xA4, 0x04, 0x00, 0x09, 0xA0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00})
		verify[3] = 0x80
		pin = append(pin, bytes.Repeat([]byte{0xFF}, vcard.MaxPIN-len(pin))...)
	case l.kind == virtual.CPS4:
		verify[0] = 0x01
	}
	l.station.Reader().Transmit(append(append(verify, byte(len(pin))), pin...))
	return l.card.PIN().Verified()
}

var errNotOne = errors.New("not exactly one usable certificate")

func (l *lab) usable(ctx context.Context) (pkcs11.Certificate, error) {
	s, err := l.pool.List(ctx)
	if err != nil {
		return pkcs11.Certificate{}, err
	}
	var found []pkcs11.Certificate
	for _, c := range s.Certificates {
		if c.Reason == pkcs11.Usable {
			found = append(found, c)
		}
	}
	if len(found) != 1 {
		return pkcs11.Certificate{}, fmt.Errorf("%w: %d of %d", errNotOne, len(found), len(s.Certificates))
	}
	return found[0], nil
}

func message(pkcs11.Algorithm) ([]byte, error) { return []byte("TEST message"), nil }

func (l *lab) request(c pkcs11.Certificate, pin string) pkcs11.Request {
	return pkcs11.Request{CertificateID: c.ID, Message: message, PIN: func(context.Context, pkcs11.PINRequest) ([]byte, error) { return []byte(pin), nil }}
}

// login makes a whole login and verifies its signature.
func (l *lab) login(ctx context.Context, pin string) error {
	c, err := l.usable(ctx)
	if err != nil {
		return err
	}
	s, err := l.pool.Sign(ctx, l.request(c, pin))
	if err != nil {
		return err
	}
	return verify(s)
}

// loginWith makes a login and calls typing while the PIN is typed, and signing
// while the card signs.
func (l *lab) loginWith(ctx context.Context, typing, signing func()) error {
	c, err := l.usable(ctx)
	if err != nil {
		return err
	}
	r := l.request(c, l.pin)
	r.PIN = func(context.Context, pkcs11.PINRequest) ([]byte, error) {
		if typing != nil {
			typing()
		}
		return []byte(l.pin), nil
	}
	r.Signing = signing
	_, err = l.pool.Sign(ctx, r)
	return err
}

// reader is the name of the station's reader.
func (l *lab) reader() string {
	readers, err := pcsc.Readers(context.Background())
	if err != nil || len(readers) == 0 {
		return ""
	}
	return readers[0].Name
}

// untouched adds to an outcome that the card saw the PIN, where it did.
func (l *lab) untouched(what string) string {
	if l.card != nil && l.card.PIN().Tries() != 0 {
		return what + ", and the card saw the PIN"
	}
	return what
}

// noReader is the outcome for tokens in software, with what the module says about
// the slot.
func (l *lab) noReader(ctx context.Context) string {
	c, err := l.usable(ctx)
	if err != nil {
		return outcome(err)
	}
	if c.Slot.Hardware {
		return notApplicable + "the token is a file: no card leaves a reader, whatever CKF_HW_SLOT says"
	}
	return notApplicable + "the token is a file: CKF_HW_SLOT is not set"
}

func (l *lab) onPINPad(ctx context.Context, press func() bool) string {
	if l.card == nil {
		return l.noReader(ctx)
	}
	c, err := l.usable(ctx)
	if err != nil {
		return outcome(err)
	}
	if !c.Slot.Token.ProtectedPath {
		return notApplicable + "the module does not use the reader's pad: CKF_PROTECTED_AUTHENTICATION_PATH is not set"
	}
	pressed := make(chan bool, 1)
	r := l.request(c, "")
	r.PIN = func(context.Context, pkcs11.PINRequest) ([]byte, error) {
		go func() { pressed <- press() }()
		return nil, nil
	}
	_, err = l.pool.Sign(ctx, r)
	if !<-pressed {
		return "nobody asked on the pad"
	}
	return outcome(err)
}

// verify checks the signature with the certificate's key.
func verify(s pkcs11.Signature) error {
	text, err := message(s.Algorithm)
	if err != nil {
		return err
	}
	return jwa.Get(string(s.Algorithm)).Verify(s.Certificate.X509.PublicKey, text, s.Value)
}
