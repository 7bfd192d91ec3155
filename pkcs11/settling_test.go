package pkcs11

import (
	"context"
	"errors"
	"testing"

	p11 "github.com/miekg/pkcs11"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/democard"
)

// TestSessionAfterAReset: a module that sees no card just after our own reset is asked
// for a session again once the reader says that the card is there, and no sooner.
func TestSessionAfterAReset(t *testing.T) {
	p, f, _ := observing(t)
	c := authenticationIn(t, current(t, p), "cps")
	p.reset(c.Slot)
	there, calls := false, 0
	f.open = func(uint) error {
		if calls++; !there {
			return wrap("C_OpenSession", softHSM, p11.Error(p11.CKR_TOKEN_NOT_PRESENT))
		}
		return nil
	}
	p.awaitCard = func(context.Context, string) error { there = true; return nil }
	if _, err := p.Sign(t.Context(), request(c, democard.PIN, nil)); err != nil {
		t.Fatal(err)
	}
	if calls != 2 {
		t.Errorf("%d sessions were asked for", calls)
	}
}

// TestSessionOfACardThatIsGone: where the reader does not say that the card is there,
// the wait ends, and the card is said to have left.
func TestSessionOfACardThatIsGone(t *testing.T) {
	p, f, _ := observing(t)
	c := authenticationIn(t, current(t, p), "cps")
	p.reset(c.Slot)
	calls := 0
	f.open = func(uint) error {
		calls++
		return wrap("C_OpenSession", softHSM, p11.Error(p11.CKR_TOKEN_NOT_PRESENT))
	}
	p.awaitCard = func(ctx context.Context, _ string) error {
		if _, bounded := ctx.Deadline(); !bounded {
			t.Error("the wait has no end")
		}
		return errors.New("TEST")
	}
	p.pcscLimit = 0 // the answer comes too late
	_, err := p.openSession(p.modules[0], c.Slot)
	mustBe(t, err, ErrCardRemoved)
	if calls != 1 {
		t.Errorf("%d sessions were asked for", calls)
	}
}
