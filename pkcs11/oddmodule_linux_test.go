package pkcs11

import (
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/democard"
)

// A module without locks of its own is initialised for one caller at a time, which
// is all that there is.
func TestModuleThatCannotLock(t *testing.T) {
	p, m, c := faultyPool(t, toAnswer)
	if err := m.Fail("C_Initialize", "nolock"); err != nil {
		t.Fatal(err)
	}
	if err := p.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	s, err := p.Sign(t.Context(), request(c, democard.PIN, nil))
	if err != nil {
		t.Fatal(err)
	}
	verify(t, s)
}

// A module that gives ECDSA signatures in DER is understood.
func TestModuleThatSignsInDER(t *testing.T) {
	p, m, _ := faultyPool(t, toAnswer)
	if err := m.Fail("C_Sign", "der"); err != nil {
		t.Fatal(err)
	}
	for card, length := range map[string]int{"cps-ec": 64, "cps-ec384": 96, "cps-ec521": 132} {
		s, err := p.Sign(t.Context(), request(authentication(t, p, card), democard.PIN, nil))
		if err != nil {
			t.Fatalf("%s: %v", card, err)
		}
		if len(s.Value) != length {
			t.Errorf("%s: %d bytes", card, len(s.Value))
		}
		verify(t, s)
	}
}
