package challenge

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
)

// slowCheck is a check of revocation during which time passes.
type slowCheck struct{ pass func() }

func (s slowCheck) Check(context.Context, []*x509.Certificate, time.Time) error {
	s.pass()
	return nil
}

// TestEndsWhileVerified: a token that was used is not taken again where its challenge
// ends, and the store forgets the nonce, while it is verified.
func TestEndsWhileVerified(t *testing.T) {
	now := time.Now()
	clock := func() time.Time { return now }
	store := NewMemory(clock)
	c, err := New(Options{Store: store, HTTPS: true, Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	// Another login sets when the store looks for what it may forget.
	if _, err := store.Use(t.Context(), "another", now.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	now = now.Add(30 * time.Second)
	w := httptest.NewRecorder()
	nonce, err := c.Issue(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if err != nil {
		t.Fatal(err)
	}
	send := func(pass func()) error {
		pki := cards().pki
		v, err := authtoken.NewVerifier(authtoken.Config{Origin: origin, Revocation: slowCheck{pass}, Profile: authtoken.Profile{
			AllowTestCards: true, TrustGroups: []authtoken.TrustGroup{{Name: "test", Test: true, Roots: []*x509.Certificate{pki.Root.Cert}, Intermediates: []*x509.Certificate{pki.Intermediate.Cert}}},
		}})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		for _, cookie := range w.Result().Cookies() {
			r.AddCookie(cookie)
		}
		_, err = c.Verify(httptest.NewRecorder(), r, v, []byte(cards().token(t, nonce)))
		return err
	}
	if err := send(func() {}); err != nil {
		t.Fatal(err)
	}
	now = now.Add(Lifetime - time.Millisecond)
	var refused *authtoken.Error
	if err := send(func() { now = now.Add(2 * time.Second) }); !errors.As(err, &refused) || refused.Reason != ReasonExpired {
		t.Errorf("taken again: %v", err)
	}
}
