package revocation

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"net/http"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
)

// delta is a delta list of a number that adds to another.
func (w *world) delta(by *demopki.Authority, number, base int64, l *x509.RevocationList) []byte {
	w.t.Helper()
	value, err := asn1.Marshal(base)
	if err != nil {
		w.t.Fatal(err)
	}
	l.Number = big.NewInt(number)
	l.ExtraExtensions = append(l.ExtraExtensions, extra(oidDelta, true, value))
	return w.list(by, l)
}

// numbered is a complete list of a number.
func numbered(number int64, l *x509.RevocationList) *x509.RevocationList {
	l.Number = big.NewInt(number)
	return l
}

// TestDelta: a delta that fits its complete list adds to it and takes from it; one that does
// not fit, or cannot be had, leaves it as it is.
func TestDelta(t *testing.T) {
	w := newWorld(t)
	ca := w.pki.Intermediate
	ca.Services.Delta = []string{w.at("/delta.crl")}
	card, held := w.card(), w.card()
	entry := func(l *x509.RevocationList, code int) *x509.RevocationList {
		l.RevokedCertificateEntries[0].ReasonCode = code
		return l
	}
	for name, c := range map[string]struct {
		delta         http.HandlerFunc
		card, heldOne bool // revoked
	}{
		"adds":                 {body(w.delta(ca, 12, 10, listOf(card[0]))), true, true},
		"takes":                {body(w.delta(ca, 12, 10, entry(listOf(held[0]), removeFromCRL))), false, false},
		"says nothing":         {body(w.delta(ca, 12, 10, listOf())), false, true},
		"of an older complete": {body(w.delta(ca, 12, 1, listOf(card[0]))), true, true},
		"of a later complete":  {body(w.delta(ca, 12, 11, listOf(card[0]))), false, true},
		"older than it":        {body(w.delta(ca, 9, 5, listOf(card[0]))), false, true},
		"of another part":      {body(w.delta(ca, 12, 10, &x509.RevocationList{RevokedCertificateEntries: listOf(card[0]).RevokedCertificateEntries, ExtraExtensions: []pkix.Extension{point(t, issuingPoint{OnlyUser: true})}})), false, true},
		"expired":              {body(w.delta(ca, 12, 10, &x509.RevocationList{RevokedCertificateEntries: listOf(card[0]).RevokedCertificateEntries, ThisUpdate: w.now.Add(-time.Hour), NextUpdate: w.now.Add(-time.Minute)})), false, true},
		"of another issuer":    {body(w.delta(w.pki.Root, 12, 10, listOf(card[0]))), false, true},
		"a complete list":      {body(w.list(ca, numbered(12, listOf(card[0])))), false, true},
		"cannot be had":        {http.NotFound, false, true},
		"a base that is none":  {body(w.list(ca, &x509.RevocationList{Number: big.NewInt(12), ExtraExtensions: []pkix.Extension{extra(oidDelta, true, []byte{4, 0})}})), false, true},
	} {
		w.set("/ca.crl", body(w.list(ca, numbered(10, listOf(held[0])))))
		w.set("/delta.crl", c.delta)
		for who, revoked := range map[*x509.Certificate]bool{card[0]: c.card, held[0]: c.heldOne} {
			// Each by a checker that has not fetched the delta yet.
			err := w.checker().Check(t.Context(), []*x509.Certificate{who, card[1], card[2]}, w.now)
			if errors.Is(err, authtoken.ErrRevoked) != revoked || !revoked && err != nil {
				t.Errorf("%s: revoked %v: %v", name, revoked, err)
			}
		}
	}
}

// TestDeltaOfTheList: where the complete list names the delta, and the certificate does not.
func TestDeltaOfTheList(t *testing.T) {
	w := newWorld(t)
	ca := w.pki.Intermediate
	card := w.card()
	value, err := asn1.Marshal([]distributionPoint{{Name: pointName{Full: []asn1.RawValue{uri(w.at("/delta.crl"))}}}})
	if err != nil {
		t.Fatal(err)
	}
	w.set("/ca.crl", body(w.list(ca, &x509.RevocationList{Number: big.NewInt(10), ExtraExtensions: []pkix.Extension{extra(oidFreshest, false, value)}})))
	w.set("/delta.crl", body(w.delta(ca, 11, 10, listOf(card[0]))))
	if err := w.checker().Check(t.Context(), card, w.now); !errors.Is(err, authtoken.ErrRevoked) {
		t.Error(err)
	}
}

// TestSlowDelta: a delta that does not come costs a part of one login's time, and no login.
func TestSlowDelta(t *testing.T) {
	w := newWorld(t)
	w.pki.Intermediate.Services.Delta = []string{w.at("/delta.crl")}
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	w.set("/delta.crl", func(http.ResponseWriter, *http.Request) { <-hang })
	if err := w.checker(func(o *Options) { o.Wait = 4 * time.Second }).Check(t.Context(), w.card(), w.now); err != nil {
		t.Error(err)
	}
}
