package pkcs11

import (
	"errors"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/democard"
)

// Where the event of a change never comes, a login fails by it once at most.
func TestEventLost(t *testing.T) {
	p, _, pc := observing(t)
	c := authentication(t, p, "cps")
	pc.swap(c.Slot.Description)
	s, err := p.Sign(t.Context(), request(c, democard.PIN, nil))
	if errors.Is(err, ErrCardRemoved) {
		s, err = p.Sign(t.Context(), request(c, democard.PIN, nil))
	}
	if err != nil {
		t.Fatal(err)
	}
	verify(t, s)
	pc.publish() // late
	if s, err = p.Sign(t.Context(), request(c, democard.PIN, nil)); err != nil {
		t.Fatal(err)
	}
	verify(t, s)
}
