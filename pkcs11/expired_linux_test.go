package pkcs11

import (
	"testing"

	p11 "github.com/miekg/pkcs11"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/democard"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/cardobjects"
)

// A PIN that has expired, whichever call says so: one entry, no second, and the card
// is left as it was found.
func TestPINExpired(t *testing.T) {
	for function, fault := range map[string]string{"C_Login": "after:a3", "C_SignInit": "rv:a3", "C_Sign": "rv:a3"} {
		t.Run(function, func(t *testing.T) {
			p, m, c := faultyPool(t, toAnswer)
			if err := m.Fail(function, fault); err != nil {
				t.Fatal(err)
			}
			asked := 0
			_, err := p.Sign(t.Context(), request(c, democard.PIN, &asked))
			mustBe(t, err, ErrPINExpired)
			if asked != 1 {
				t.Errorf("asked %d times", asked)
			}
			if err := m.Heal(); err != nil {
				t.Fatal(err)
			}
			s, err := p.Sign(t.Context(), request(c, democard.PIN, nil))
			if err != nil {
				t.Fatalf("the next login: %v", err)
			}
			verify(t, s)
		})
	}
}

// A card whose certificates are private objects says so, without a PIN; one that
// shows some does not, whatever else is on it.
func TestHiddenCertificates(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*cardobjects.Card) error
		hidden bool
	}{
		"as it is": {func(*cardobjects.Card) error { return nil }, false},
		"private":  {(*cardobjects.Card).Hide, true},
		"private, and those of CAs": {func(card *cardobjects.Card) error {
			list, err := cardobjects.Authorities(2)
			if err != nil {
				return err
			}
			if err := card.Hide(); err != nil {
				return err
			}
			return card.Put(list...)
		}, true},
		"private, and one that cannot be read": {func(card *cardobjects.Card) error {
			if err := card.Hide(); err != nil {
				return err
			}
			return card.Put(cardobjects.Certificate{DER: []byte("TEST"), Label: "TEST"})
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			p, _, _ := ownCard(t, c.change)
			s, err := p.List(t.Context())
			if err != nil || len(s.Slots) != 1 || s.Slots[0].Hidden != c.hidden || c.hidden && len(s.Certificates) != 0 {
				t.Errorf("%+v, %v", s, err)
			}
		})
	}
}

// A card that fails to be read hides nothing that is known, nor does a token that
// asks for no login.
func TestNotHidden(t *testing.T) {
	p, m, _ := ownCard(t, nil)
	if err := m.Fail("C_GetAttributeValue", "attr:11:rv:30"); err != nil {
		t.Fatal(err)
	}
	if s, _ := p.List(t.Context()); len(s.Certificates) != 0 || len(s.Slots) != 1 || s.Slots[0].Hidden || !isCKR(s.Slots[0].Failure, p11.CKR_DEVICE_ERROR) {
		t.Errorf("%+v", s)
	}
	if err := m.Fail("C_FindObjects", "nothing"); err != nil {
		t.Fatal(err)
	}
	if s, err := p.List(t.Context()); err != nil || len(s.Certificates) != 0 || !s.Slots[0].Hidden {
		t.Errorf("%+v", s)
	}
	// A reading of the token alone, as for the tries, does not forget it.
	slot, _, err := readSlot(p.modules[0], mustList(t, p).Slots[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	p.tokenRead(p.modules[0], slot)
	if s, _ := p.Snapshot(); !s.Slots[0].Hidden || !p.modules[0].lastReading().slots[0].Hidden {
		t.Error("forgotten")
	}
}

func mustList(t *testing.T, p *Pool) Snapshot {
	t.Helper()
	s, err := p.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}
