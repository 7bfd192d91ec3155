package pkcs11

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/vcard"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/vreader"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// openSC is the unmodified module that drives the virtual cards here.
const openSC = "/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so"

// pcscSocket is one for the whole process, because the client library reads its
// name once; each test has a service of its own behind it.
var pcscSocket string

// OpenSC keeps no cache of its own in these tests: a virtual card has the same
// serial number from test to test, with other certificates.
func preparePCSC(dir string) error {
	pcscSocket = filepath.Join(dir, "pcscd")
	return os.Setenv("PCSCLITE_CSOCK_NAME", pcscSocket)
}

var testPKI = sync.OnceValue(func() *demopki.PKI {
	pki, err := demopki.New(time.Now())
	if err != nil {
		panic(err)
	}
	return pki
})

func newCard(t *testing.T, o virtual.CardOptions) vcard.Card {
	t.Helper()
	card, err := virtual.NewCard(testPKI().Intermediate, o)
	if err != nil {
		t.Fatal(err)
	}
	return card
}

// station is a virtual card on a virtual reader, with a pool on OpenSC.
func station(t *testing.T, card vcard.Card, o virtual.StationOptions) (*Pool, *virtual.Station) {
	t.Helper()
	o.Socket, o.Card = pcscSocket, card
	d, err := virtual.NewStation(o)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Open(t.Context(), Options{Modules: []string{openSC}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(p.Close(), d.Stop()); err != nil {
			t.Error(err)
		}
	})
	return p, d
}

// usable is the one certificate that may log in.
func usable(t *testing.T, p *Pool) Certificate {
	t.Helper()
	s, err := p.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var found []Certificate
	for _, c := range s.Certificates {
		if c.Reason == Usable {
			found = append(found, c)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d usable certificates of %+v", len(found), s)
	}
	return found[0]
}

// cardTypes are the virtual cards that OpenSC drives.
var cardTypes = []string{virtual.CPS3, virtual.PIV, virtual.PIVP256, virtual.PIVP384}

func eachType(t *testing.T, do func(t *testing.T, kind string)) {
	for _, kind := range cardTypes {
		t.Run(kind, func(t *testing.T) { do(t, kind) })
	}
}

// A login's signature verifies, costs one try, and leaves the card locked for
// every program: also for one that talks to the card itself.
func TestVirtualCardSigns(t *testing.T) {
	eachType(t, func(t *testing.T, kind string) {
		card := newCard(t, virtual.CardOptions{Type: kind})
		p, d := station(t, card, virtual.StationOptions{})
		if info := p.Modules()[0].Info; !regexp.MustCompile(`^OpenSC Project, OpenSC smartcard framework 0\.\d\d, Cryptoki \d\.\d\d$`).MatchString(info) {
			t.Errorf("the module says %q: doctor tells OpenSC's version by it", info)
		}
		c := usable(t, p)
		if kind == virtual.CPS3 && !strings.Contains(c.Slot.Token.Label, "CPS3v3-TEST") {
			t.Errorf("token %q", c.Slot.Token.Label)
		}
		if !c.Slot.Hardware || c.Slot.Description != virtual.ReaderName || c.Slot.Token.MinPIN != 4 || c.Slot.Token.MaxPIN != 8 {
			t.Errorf("slot %+v, token %+v", c.Slot, c.Slot.Token)
		}
		got, err := p.Sign(t.Context(), request(c, "1234", nil))
		if err != nil {
			t.Fatal(err)
		}
		verify(t, got)
		if card.PIN().Tries() != 1 {
			t.Errorf("%d tries for one entry", card.PIN().Tries())
		}
		if card.PIN().Verified() {
			t.Error("the card is still open after the signature")
		}
		if answer := signsFor(t, d, kind); answer != "6982" {
			t.Errorf("another program that asks the card for a signature gets %s", answer)
		}
		// The same words do sign where the PIN was shown: it is the reset that
		// makes the difference.
		p.resetCard = func(string) error { return nil }
		if _, err := p.Sign(t.Context(), request(c, "1234", nil)); err != nil {
			t.Fatal(err)
		}
		if answer := signsFor(t, d, kind); !strings.HasPrefix(answer, "61") && !strings.HasSuffix(answer, "9000") {
			t.Errorf("without the reset: %s", answer)
		}
	})
}

// signsFor asks the card for a signature as another program would, without a
// PIN, and gives the status word, in hex.
func signsFor(t *testing.T, d *virtual.Station, kind string) string {
	t.Helper()
	block := bytes.Repeat([]byte{1}, 32)
	commands := []string{"00a4040009a00000030800001000", ""}
	switch kind {
	case virtual.CPS3:
		commands = []string{"00a4090c043f000001", "002241a406800102840182", "0088000020" + hex.EncodeToString(block)}
	case virtual.PIVP256:
		commands[1] = "0087119a26" + "7c2482008120" + hex.EncodeToString(block)
	case virtual.PIVP384:
		commands[1] = "0087149a36" + "7c3482008130" + hex.EncodeToString(append(block, block[:16]...))
	case virtual.PIV:
		whole := "7c820106" + "8200" + "81820100" + "0001" + strings.Repeat("00", 254)
		commands = []string{commands[0], "1087079aff" + whole[:510], "0087079a" + hex.EncodeToString([]byte{byte(len(whole)/2 - 255)}) + whole[510:]}
	}
	var answer []byte
	for _, c := range commands {
		raw, err := hex.DecodeString(c)
		if err != nil {
			t.Fatal(err)
		}
		answer = d.Reader().Transmit(raw)
	}
	return hex.EncodeToString(answer[len(answer)-2:])
}

// Each wrong entry costs one try and says how it stands; the last locks the
// card, and a locked card is not asked again.
func TestVirtualCardPIN(t *testing.T) {
	eachType(t, func(t *testing.T, kind string) {
		card := newCard(t, virtual.CardOptions{Type: kind})
		p, _ := station(t, card, virtual.StationOptions{})
		c := usable(t, p)
		for i := 1; i <= 3; i++ {
			_, err := p.Sign(t.Context(), request(c, "9999", nil))
			var pin *PINError
			if !errors.As(err, &pin) || card.PIN().Tries() != i {
				t.Fatalf("entry %d: %v, %d tries", i, err, card.PIN().Tries())
			}
			if pin.FinalTry != (i == 2) || pin.Locked != (i == 3) || errors.Is(err, ErrPINLocked) && i < 3 {
				t.Errorf("entry %d: %+v, %v", i, pin, err)
			}
		}
		asked := false
		r := request(c, "1234", nil)
		r.PIN = func(context.Context, PINRequest) ([]byte, error) { asked = true; return []byte("1234"), nil }
		if _, err := p.Sign(t.Context(), r); !errors.Is(err, ErrPINLocked) || asked || card.PIN().Tries() != 3 {
			t.Errorf("a locked card: %v, asked %v, %d tries", err, asked, card.PIN().Tries())
		}
	})
}

// A PIN of an impossible length never reaches the card.
func TestVirtualCardPINLength(t *testing.T) {
	card := newCard(t, virtual.CardOptions{})
	p, _ := station(t, card, virtual.StationOptions{})
	c := usable(t, p)
	for _, pin := range []string{"", "123", "123456789"} {
		if _, err := p.Sign(t.Context(), request(c, pin, nil)); !errors.Is(err, ErrPINLength) || card.PIN().Tries() != 0 {
			t.Errorf("PIN of %d: %v, %d tries", len(pin), err, card.PIN().Tries())
		}
	}
}

// A key that wants the PIN for each use gets the one entry twice, and the
// second only after the first succeeded.
func TestVirtualAlwaysAuthenticate(t *testing.T) {
	card := newCard(t, virtual.CardOptions{Type: virtual.PIV, WithoutAuthentication: true, SignatureForLogin: true})
	p, _ := station(t, card, virtual.StationOptions{})
	c := usable(t, p)
	got, err := p.Sign(t.Context(), request(c, "1234", nil))
	if err != nil {
		t.Fatal(err)
	}
	verify(t, got)
	if card.PIN().Tries() != 2 {
		t.Errorf("%d tries, want login and context login", card.PIN().Tries())
	}
	if _, err := p.Sign(t.Context(), request(c, "9999", nil)); !errors.Is(err, ErrPINIncorrect) || card.PIN().Tries() != 3 {
		t.Errorf("a wrong entry: %v, %d tries", err, card.PIN().Tries())
	}
}

// The key of a contactless interface signs without a PIN: never for a login.
func TestVirtualKeyWithoutPIN(t *testing.T) {
	card := newCard(t, virtual.CardOptions{Type: virtual.PIV, WithoutAuthentication: true, WithoutSignature: true, CardAuthentication: true})
	p, _ := station(t, card, virtual.StationOptions{})
	s, err := p.List(t.Context())
	if err != nil || len(s.Certificates) != 1 || s.Certificates[0].Reason != KeyWithoutPIN {
		t.Fatalf("%+v, %v", s.Certificates, err)
	}
	if _, err := p.Sign(t.Context(), request(s.Certificates[0], "1234", nil)); !errors.Is(err, ErrKeyWithoutPIN) || card.PIN().Tries() != 0 {
		t.Errorf("%v", err)
	}
}

// eachWatched is eachType with a pool that hears nothing of PC/SC, and with one that
// hears each event.
func eachWatched(t *testing.T, do func(t *testing.T, kind string, watch func(p *Pool))) {
	eachType(t, func(t *testing.T, kind string) {
		t.Run("not watched", func(t *testing.T) { do(t, kind, func(*Pool) {}) })
		t.Run("watched", func(t *testing.T) { do(t, kind, func(p *Pool) { watch(t, p) }) })
	})
}

// watch has the pool hear of PC/SC until the test ends.
func watch(t *testing.T, p *Pool) {
	t.Helper()
	first := make(chan struct{})
	var once sync.Once
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		pcsc.Watch(ctx, func(e pcsc.Event) { p.Observe(e); once.Do(func() { close(first) }) })
	}()
	t.Cleanup(func() { end(); <-ended })
	<-first
}

// A card that leaves while the person types, and while it signs.
func TestVirtualRemoval(t *testing.T) {
	eachWatched(t, func(t *testing.T, kind string, watch func(*Pool)) {
		card := newCard(t, virtual.CardOptions{Type: kind})
		p, d := station(t, card, virtual.StationOptions{})
		watch(p)
		c := usable(t, p)
		r := request(c, "1234", nil)
		r.PIN = func(context.Context, PINRequest) ([]byte, error) { d.Remove(); return []byte("1234"), nil }
		if _, err := p.Sign(t.Context(), r); !errors.Is(err, ErrCardRemoved) || card.PIN().Tries() != 0 {
			t.Errorf("while the person typed: %v, %d tries", err, card.PIN().Tries())
		}
		d.Insert()
		c = usable(t, p)
		r = request(c, "1234", nil)
		r.Signing = func() { d.Remove() }
		if _, err := p.Sign(t.Context(), r); !errors.Is(err, ErrCardRemoved) || card.PIN().Tries() != 1 {
			t.Errorf("while it signed: %v, %d tries", err, card.PIN().Tries())
		}
		if s, err := p.List(t.Context()); err != nil || len(s.Certificates) != 0 {
			t.Errorf("afterwards %d certificates, %v", len(s.Certificates), err)
		}
		d.Insert()
		got, err := p.Sign(t.Context(), request(usable(t, p), "1234", nil))
		if err != nil {
			t.Fatal(err)
		}
		verify(t, got)
	})
}

// The PIN of one card is never shown to another.
func TestVirtualSwap(t *testing.T) {
	eachWatched(t, func(t *testing.T, kind string, watch func(*Pool)) {
		card := newCard(t, virtual.CardOptions{Type: kind})
		other := newCard(t, virtual.CardOptions{Type: kind, Holder: demopki.NewHolder("CPS", 2), Serial: "00000002"})
		p, d := station(t, card, virtual.StationOptions{})
		watch(p)
		r := request(usable(t, p), "1234", nil)
		r.PIN = func(context.Context, PINRequest) ([]byte, error) { d.Put(other); return []byte("1234"), nil }
		if _, err := p.Sign(t.Context(), r); !errors.Is(err, ErrCardChanged) || card.PIN().Tries()+other.PIN().Tries() != 0 {
			t.Errorf("%v, tries %d and %d", err, card.PIN().Tries(), other.PIN().Tries())
		}
	})
}

// Readers and the service itself come and go.
func TestVirtualReaderAndServiceGo(t *testing.T) {
	card := newCard(t, virtual.CardOptions{})
	p, d := station(t, card, virtual.StationOptions{})
	c := usable(t, p)
	d.Unplug()
	if _, err := p.Sign(t.Context(), request(c, "1234", nil)); !errors.Is(err, ErrCardRemoved) {
		t.Errorf("reader unplugged: %v", err)
	}
	if err := d.Plug(); err != nil {
		t.Fatal(err)
	}
	c = usable(t, p)
	if err := d.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Sign(t.Context(), request(c, "1234", nil)); err == nil {
		t.Error("signed without a service")
	}
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	if err := p.Restart(t.Context()); err != nil { // as the watch tells
		t.Fatal(err)
	}
	got, err := p.Sign(t.Context(), request(usable(t, p), "1234", nil))
	if err != nil {
		t.Fatal(err)
	}
	verify(t, got)
	if card.PIN().Tries() != 1 {
		t.Errorf("%d tries", card.PIN().Tries())
	}
}

// On a reader with a pad the PIN is typed there, and nothing is asked here.
func TestVirtualPINPad(t *testing.T) {
	for _, kind := range []string{virtual.CPS3, virtual.PIV} {
		t.Run(kind, func(t *testing.T) {
			card := newCard(t, virtual.CardOptions{Type: kind})
			p, d := station(t, card, virtual.StationOptions{PINPad: true})
			c := usable(t, p)
			if !c.Slot.Token.ProtectedPath {
				t.Fatalf("token %+v", c.Slot.Token)
			}
			r := request(c, "", nil)
			onPINPad := func(press func() bool) (Signature, error) {
				pressed := make(chan bool, 1)
				r.PIN = func(context.Context, PINRequest) ([]byte, error) {
					go func() { pressed <- press() }()
					return nil, nil
				}
				s, err := p.Sign(t.Context(), r)
				if !<-pressed {
					t.Error("nobody asked for the PIN on the pad")
				}
				return s, err
			}
			got, err := onPINPad(func() bool { return d.Reader().Type("1234", 10*time.Second) })
			if err != nil {
				t.Fatal(err)
			}
			verify(t, got)
			if _, err := onPINPad(func() bool { return d.Reader().Type("9999", 10*time.Second) }); !errors.Is(err, ErrPINIncorrect) {
				t.Errorf("wrong PIN: %v", err)
			}
			if _, err := onPINPad(func() bool { return d.Reader().CancelPINPad(10 * time.Second) }); !errors.Is(err, ErrCancelled) {
				t.Errorf("cancelled on the pad: %v", err)
			}
			if card.PIN().Tries() != 2 {
				t.Errorf("%d tries", card.PIN().Tries())
			}
		})
	}
}

// The PIN was changed elsewhere after the card session began: the card is not shown
// the old one again.
func TestVirtualCardSessionAndPINChanged(t *testing.T) {
	card := newCard(t, virtual.CardOptions{})
	p, _ := station(t, card, virtual.StationOptions{})
	c := usable(t, p)
	r := request(c, "1234", nil)
	r.OpenCardSession = true
	if _, err := p.Sign(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if !p.HasCardSession(c.ID) || !card.PIN().Verified() {
		t.Fatalf("card session %v, card open %v", p.HasCardSession(c.ID), card.PIN().Verified())
	}
	card.PIN().Change("5678")
	r = Request{CertificateID: c.ID, Message: r.Message, UseCardSession: true}
	if _, err := p.Sign(t.Context(), r); err == nil {
		t.Error("signed with a PIN that is no longer the card's")
	}
	if p.HasCardSession(c.ID) {
		t.Error("there is still a card session")
	}
	if n := card.PIN().Tries(); n > 2 { // the module shows its own copy once; that cannot be kept from it
		t.Errorf("%d tries", n)
	}
}

// Two readers, two cards, two modules: one certificate of each.
func TestVirtualTwoReaders(t *testing.T) {
	card := newCard(t, virtual.CardOptions{})
	p, d := station(t, card, virtual.StationOptions{})
	second, err := d.Service().Plug("Second Reader (TEST) 01 00", vreader.ReaderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	other := newCard(t, virtual.CardOptions{Type: virtual.PIV, Holder: demopki.NewHolder("CPE", 2)})
	second.Insert(other)
	s, err := p.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, c := range s.Certificates {
		if c.Reason == Usable {
			names[c.X509.Subject.CommonName] = true
			if _, err := p.Sign(t.Context(), request(c, "1234", nil)); err != nil {
				t.Error(err)
			}
		}
	}
	if len(names) != 2 || card.PIN().Tries() != 1 || other.PIN().Tries() != 1 {
		t.Errorf("holders %v, tries %d and %d", names, card.PIN().Tries(), other.PIN().Tries())
	}
}
