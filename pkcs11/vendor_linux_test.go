package pkcs11

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/vcard"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/vreader"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/bareprogram"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/faultmodule"
)

// cpsKeyID is the CKA_ID of the authentication key of a virtual CPS.
var cpsKeyID = []byte{2}

// asVendor is a card behind a module that behaves as the vendor's does, and how often
// the pool resets it.
func asVendor(t *testing.T, card vcard.Card, how string) (*Pool, *virtual.Station, *atomic.Int64) {
	t.Helper()
	m, err := faultModule()
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Heal(); err != nil {
		t.Fatal(err)
	}
	for key, value := range m.VendorEnv(openSC) {
		t.Setenv(key, value)
	}
	if how != "" {
		t.Setenv(faultmodule.VendorVariable, how)
	}
	d, err := virtual.NewStation(virtual.StationOptions{Socket: pcscSocket, Card: card})
	if err != nil {
		t.Fatal(err)
	}
	p, err := Open(t.Context(), Options{Modules: []string{m.Path}})
	if err != nil {
		t.Fatal(err)
	}
	resets := &atomic.Int64{}
	reset := p.resetCard
	p.resetCard = func(description string) error { resets.Add(1); return reset(description) }
	t.Cleanup(func() {
		if err := errors.Join(p.Close(), d.Stop()); err != nil {
			t.Error(err)
		}
	})
	watch(t, p)
	return p, d, resets
}

// practice is another program, with the card open.
func practice(t *testing.T) *bareprogram.Session {
	t.Helper()
	program, err := bareprogram.Open(openSC)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := program.Close(); err != nil {
			t.Error(err)
		}
	})
	session, err := program.Stay(virtual.PIN)
	if err != nil {
		t.Fatal(err)
	}
	return session
}

// ofAPerson is a login that a person asked for: one reset is allowed.
func ofAPerson(c Certificate, pin string, asked *int) Request {
	r := request(c, pin, asked)
	var reset atomic.Bool
	r.MayReset = func() bool { return reset.CompareAndSwap(false, true) }
	return r
}

// TestCardOpenElsewhere: a card that another program has open reads as locked. Nothing
// but a login that a person asked for shuts that program out, by one reset before the
// PIN; none costs a try.
func TestCardOpenElsewhere(t *testing.T) {
	card := newCard(t, virtual.CardOptions{})
	p, _, resets := asVendor(t, card, "")
	other := practice(t)
	c := usable(t, p)
	if token := c.Slot.Token; !token.PINLocked || !token.MaybeInUse {
		t.Fatalf("the module that is to say that the card is locked says %+v", token)
	}
	if err := other.Sign(cpsKeyID); err != nil || !card.PIN().Verified() || resets.Load() != 0 {
		t.Fatalf("the other program's session after readings: %v, %d resets", err, resets.Load())
	}
	asked := 0
	if _, err := p.Sign(t.Context(), request(c, virtual.PIN, &asked)); !errors.Is(err, ErrPINLocked) || resets.Load() != 0 || asked != 0 {
		t.Errorf("a signature that may reset nothing: %v, %d resets, asked %d times", err, resets.Load(), asked)
	}
	if err := other.Sign(cpsKeyID); err != nil {
		t.Error(err)
	}
	r := ofAPerson(c, "", nil)
	r.PIN = func(context.Context, PINRequest) ([]byte, error) {
		asked++
		if n := resets.Load(); n != 1 || card.PIN().Verified() {
			t.Errorf("when the person is asked: %d resets, open %v", n, card.PIN().Verified())
		}
		return []byte(virtual.PIN), nil
	}
	got, err := p.Sign(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	verify(t, got)
	if asked != 1 || card.PIN().Tries() != 2 || resets.Load() != 2 { // the last, after the signature
		t.Errorf("asked %d times, %d tries, %d resets", asked, card.PIN().Tries(), resets.Load())
	}
	if card.PIN().Verified() {
		t.Error("the card is open after the login")
	}
}

// TestLockedForGood: a card that is locked is told so after the one reset, asks nobody,
// and is known from then on.
func TestLockedForGood(t *testing.T) {
	card := newCard(t, virtual.CardOptions{})
	card.PIN().SetTriesLeft(0)
	p, _, resets := asVendor(t, card, "")
	c := usable(t, p)
	if token := c.Slot.Token; !token.PINLocked || !token.MaybeInUse {
		t.Fatalf("%+v", token)
	}
	asked := 0
	_, err := p.Sign(t.Context(), ofAPerson(c, virtual.PIN, &asked))
	if !errors.Is(err, ErrPINLocked) || asked != 0 || resets.Load() != 1 || card.PIN().Tries() != 0 {
		t.Errorf("%v, asked %d times, %d resets, %d tries", err, asked, resets.Load(), card.PIN().Tries())
	}
	if token := usable(t, p).Slot.Token; !token.PINLocked || token.MaybeInUse {
		t.Errorf("afterwards: %+v", token)
	}
	card.PIN().SetTriesLeft(3) // as with the unlocking code
	if token := usable(t, p).Slot.Token; token.PINLocked || token.MaybeInUse {
		t.Errorf("unlocked: %+v", token)
	}
	if _, err := p.Sign(t.Context(), ofAPerson(c, virtual.PIN, nil)); err != nil {
		t.Error(err)
	}
}

// TestLockedByTheThirdEntry: what took the last try is known to be locked.
func TestLockedByTheThirdEntry(t *testing.T) {
	card := newCard(t, virtual.CardOptions{})
	card.PIN().SetTriesLeft(1)
	p, _, _ := asVendor(t, card, "")
	_, err := p.Sign(t.Context(), ofAPerson(usable(t, p), "9999", nil))
	var pin *PINError
	if !errors.As(err, &pin) || !pin.Locked || card.PIN().Tries() != 1 {
		t.Errorf("%v, %d tries", err, card.PIN().Tries())
	}
	if token := usable(t, p).Slot.Token; !token.PINLocked || token.MaybeInUse {
		t.Errorf("%+v", token)
	}
}

// TestCardOpenedInThePINDialog: another program opens the card while the person is
// asked. A dialog that finds out is replaced by one on the card that was reset.
func TestCardOpenedInThePINDialog(t *testing.T) {
	card := newCard(t, virtual.CardOptions{})
	p, _, resets := asVendor(t, card, "")
	c := usable(t, p)
	p.triesAfter = 100 * time.Millisecond
	asked := 0
	r := ofAPerson(c, "", nil)
	r.PIN = func(ctx context.Context, _ PINRequest) ([]byte, error) {
		if asked++; asked == 1 {
			practice(t)
			<-ctx.Done()
			return nil, context.Cause(ctx)
		}
		if resets.Load() != 1 {
			t.Errorf("%d resets", resets.Load())
		}
		return []byte(virtual.PIN), nil
	}
	got, err := p.Sign(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	verify(t, got)
	if asked != 2 || card.PIN().Tries() != 2 {
		t.Errorf("asked %d times, %d tries", asked, card.PIN().Tries())
	}
}

// TestLoginRefusedOfAnOpenCard: where the module itself refuses the PIN because another
// program has the card open, the entry reaches no card and the person is asked anew.
func TestLoginRefusedOfAnOpenCard(t *testing.T) {
	card := newCard(t, virtual.CardOptions{})
	p, _, resets := asVendor(t, card, "refuses")
	c := usable(t, p)
	p.triesAfter = time.Hour
	asked := 0
	r := ofAPerson(c, "", nil)
	r.PIN = func(context.Context, PINRequest) ([]byte, error) {
		if asked++; asked == 1 {
			practice(t)
		}
		return []byte(virtual.PIN), nil
	}
	got, err := p.Sign(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	verify(t, got)
	if asked != 2 || card.PIN().Tries() != 2 || resets.Load() != 2 {
		t.Errorf("asked %d times, %d tries, %d resets", asked, card.PIN().Tries(), resets.Load())
	}
}

// TestCardOfAnotherAlone: a program that has the card for itself can be shut out by
// nobody, so nobody knows whether the PIN is locked.
func TestCardOfAnotherAlone(t *testing.T) {
	card := newCard(t, virtual.CardOptions{})
	p, _, _ := asVendor(t, card, "")
	practice(t)
	p.resetCard = func(string) error { return errors.New("TEST sharing violation") }
	asked := 0
	_, err := p.Sign(t.Context(), ofAPerson(usable(t, p), virtual.PIN, &asked))
	if !errors.Is(err, ErrCardInUse) || errors.Is(err, ErrPINLocked) || asked != 0 {
		t.Errorf("%v, asked %d times", err, asked)
	}
}

// TestOwnCardSession: the card that our own card session has open is not locked, whatever
// its module says of it, and signs without a reset.
func TestOwnCardSession(t *testing.T) {
	card := newCard(t, virtual.CardOptions{})
	p, _, resets := asVendor(t, card, "")
	c := usable(t, p)
	r := ofAPerson(c, virtual.PIN, nil)
	r.OpenCardSession = true
	if _, err := p.Sign(t.Context(), r); err != nil || !p.HasCardSession(c.ID) {
		t.Fatalf("%v, card session %v", err, p.HasCardSession(c.ID))
	}
	if token := usable(t, p).Slot.Token; token.PINLocked || token.MaybeInUse {
		t.Errorf("the card of the card session reads %+v", token)
	}
	r = ofAPerson(c, "", nil)
	r.UseCardSession, r.PIN = true, nil
	if _, err := p.Sign(t.Context(), r); err != nil || resets.Load() != 0 {
		t.Errorf("%v, %d resets", err, resets.Load())
	}
	// A new entry in its place, as a site asks for that allows no card session.
	if _, err := p.Sign(t.Context(), ofAPerson(c, virtual.PIN, nil)); err != nil {
		t.Error(err)
	}
	practice(t)
	if token := usable(t, p).Slot.Token; !token.PINLocked || !token.MaybeInUse {
		t.Errorf("another program's card reads %+v", token)
	}
}

// TestForeignCard: a card that its module does not know is told so, also where the
// module says that there is none, and costs no reading; the person's own, in the reader
// beside, signs.
func TestForeignCard(t *testing.T) {
	p, d, _ := asVendor(t, newCard(t, virtual.CardOptions{}), "")
	d.InsertBadge()
	s, err := p.List(t.Context())
	if err != nil || len(s.Slots) != 1 || !s.Slots[0].Unrecognized || s.Slots[0].Mute || s.Slots[0].Contactless {
		t.Fatalf("%+v, %v", s, err)
	}
	d.Remove()
	if s, err = p.List(t.Context()); err != nil || s.Slots[0].Unrecognized {
		t.Errorf("taken out: %+v, %v", s, err)
	}
	d.InsertBadge()
	second, err := d.Service().Plug("Second Reader (TEST) 01 00", vreader.ReaderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	second.Insert(newCard(t, virtual.CardOptions{}))
	c := usable(t, p)
	got, err := p.Sign(t.Context(), ofAPerson(c, virtual.PIN, nil))
	if err != nil {
		t.Fatal(err)
	}
	verify(t, got)
}

// TestContactless: a CPS that is laid on a contactless reader serves no login there, and
// is no card without a PIN: whether its module knows it or not.
func TestContactless(t *testing.T) {
	for name, configuration := range map[string]string{"known": virtual.OpenSCConfiguration, "not known": "app default {}"} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "opensc.conf")
			if err := os.WriteFile(file, []byte(configuration), 0o600); err != nil {
				t.Fatal(err)
			}
			t.Setenv("OPENSC_CONF", file)
			p, _, _ := asVendor(t, newCard(t, virtual.CardOptions{Contactless: true}), "")
			s, err := p.List(t.Context())
			if err != nil || len(s.Slots) != 1 || !s.Slots[0].Contactless {
				t.Fatalf("%+v, %v", s, err)
			}
			if known := name == "known"; known != (s.Slots[0].Token != nil) || known != (len(s.Certificates) == 1) {
				t.Fatalf("%+v", s)
			}
			for _, c := range s.Certificates {
				if c.Reason != KeyWithoutPIN || c.Slot.Token.PINNotSet {
					t.Errorf("%s, %+v", c.Reason, c.Slot.Token)
				}
			}
		})
	}
}
