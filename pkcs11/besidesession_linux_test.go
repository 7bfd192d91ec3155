package pkcs11

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/democard"
)

// withCardSession is a pool on the real module, of which PC/SC says nothing, with a card session of
// one card.
func withCardSession(t *testing.T, card string) *Pool {
	t.Helper()
	p, trips := counted(t)
	r := request(authentication(t, p, card), democard.PIN, nil)
	r.OpenCardSession = true
	signed(t, p, trips, r)
	if !p.HasCardSession(r.CertificateID) {
		t.Fatal("no card session")
	}
	return p
}

// TestCardChangedWhileASessionEnds: the end of another card's session, which the PIN brings, may
// take seconds. A token that is made anew in them gets no PIN.
func TestCardChangedWhileASessionEnds(t *testing.T) {
	p := withCardSession(t, "cps")
	r := request(authentication(t, p, "cps-2"), democard.PIN, nil)
	r.JustRead = true
	var steps []Step
	r.Step = func(_ context.Context, s Step) error { steps = append(steps, s); return nil }
	resets := 0
	p.resetCard = func(string) error {
		if resets++; resets == 1 {
			renew(t, "cps-2")
		}
		return errors.New("TEST: late")
	}
	_, err := p.Sign(t.Context(), r)
	mustBe(t, err, ErrCardChanged)
	if resets == 0 || slices.Contains(steps, StepLoginBegun) {
		t.Errorf("%d resets, %v", resets, steps)
	}
}

// TestOtherTokensBesideASession: a card session proves its own token and none beside it. The tries
// of another one that another program has spent are shown before the PIN, and for a renewed one
// nobody is asked.
func TestOtherTokensBesideASession(t *testing.T) {
	p := withCardSession(t, "cps-ec")
	before := authentication(t, p, "cpf").ID
	other, _ := counted(t)
	_, err := other.Sign(t.Context(), request(authentication(t, other, "cpf"), "9999", nil))
	mustBe(t, err, ErrPINIncorrect)

	if _, err := p.Current(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := request(Certificate{ID: before}, "", nil)
	r.JustRead = true
	refused := errors.New("TEST refused")
	var shown Token
	r.PIN = func(_ context.Context, asked PINRequest) ([]byte, error) { shown = asked.Token; return nil, refused }
	_, err = p.Sign(t.Context(), r)
	mustBe(t, err, refused)
	if !shown.PINCountLow {
		t.Error("the person does not see that the tries are low")
	}

	renew(t, "cpf")
	if _, err := p.Current(t.Context()); err != nil {
		t.Fatal(err)
	}
	asked := 0
	r.PIN = entry(democard.PIN, &asked)
	_, err = p.Sign(t.Context(), r)
	mustBe(t, err, ErrCardChanged)
	if asked > 0 {
		t.Error("a PIN was asked for")
	}
	s, err := p.Current(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(s.Certificates, func(c Certificate) bool { return c.ID == before }) {
		t.Error("the certificate that is no more is shown")
	}
}
