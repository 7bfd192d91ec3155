package revocation

import (
	"bytes"
	"compress/gzip"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
)

// tbsList is TBSCertList of RFC 5280, 5.1, to be marshalled, which x509.RevocationList cannot
// be.
type tbsList struct {
	Version    int `asn1:"optional,default:0"`
	Signature  pkix.AlgorithmIdentifier
	Issuer     asn1.RawValue
	ThisUpdate time.Time
	NextUpdate time.Time                 `asn1:"optional"`
	Revoked    []pkix.RevokedCertificate `asn1:"optional"`
	Extensions []pkix.Extension          `asn1:"tag:0,optional,explicit"`
}

// changed signs a list anew after a change that x509.CreateRevocationList does not make.
func (w *world) changed(by *demopki.Authority, der []byte, change func(*tbsList)) []byte {
	return w.signed(by, der, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}, crypto.SHA256, change)
}

func (w *world) signed(by *demopki.Authority, der []byte, algorithm asn1.ObjectIdentifier, hash crypto.Hash, change func(*tbsList)) []byte {
	w.t.Helper()
	var l struct {
		TBSCertList        tbsList
		SignatureAlgorithm pkix.AlgorithmIdentifier
		SignatureValue     asn1.BitString
	}
	if _, err := asn1.Unmarshal(der, &l); err != nil {
		w.t.Fatal(err)
	}
	change(&l.TBSCertList)
	l.SignatureAlgorithm = pkix.AlgorithmIdentifier{Algorithm: algorithm, Parameters: asn1.NullRawValue}
	l.TBSCertList.Signature = l.SignatureAlgorithm
	tbs, err := asn1.Marshal(l.TBSCertList)
	if err != nil {
		w.t.Fatal(err)
	}
	var digest []byte
	if hash == crypto.SHA1 {
		sum := sha1.Sum(tbs)
		digest = sum[:]
	} else {
		sum := sha256.Sum256(tbs)
		digest = sum[:]
	}
	signature, err := rsa.SignPKCS1v15(rand.Reader, by.Key.(*rsa.PrivateKey), hash, digest)
	if err != nil {
		w.t.Fatal(err)
	}
	l.SignatureValue = asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}
	der, err = asn1.Marshal(l)
	if err != nil {
		w.t.Fatal(err)
	}
	return der
}

// with is an empty list with one more extension.
func (w *world) with(e pkix.Extension) []byte {
	return w.list(w.pki.Intermediate, &x509.RevocationList{ExtraExtensions: []pkix.Extension{e}})
}

// point is an issuing distribution point.
func point(t testing.TB, p issuingPoint) pkix.Extension {
	t.Helper()
	value, err := asn1.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return extra(oidIssuingPoint, true, value)
}

func uri(address string) asn1.RawValue {
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 6, Bytes: []byte(address)}
}

// outcomes are lists with the reason for which they are refused; "" is of those that count.
func (w *world) outcomes(card *x509.Certificate) map[string]struct {
	reason Reason
	answer http.HandlerFunc
} {
	t, ca := w.t, w.pki.Intermediate
	good := w.list(ca, listOf())
	other, err := demopki.New(w.now)
	if err != nil {
		t.Fatal(err)
	}
	stray := *ca
	stray.Key = other.Intermediate.Key
	entryWith := func(id []int, critical bool, value []byte) []byte {
		l := listOf()
		l.RevokedCertificateEntries = []x509.RevocationListEntry{{SerialNumber: big.NewInt(77), RevocationTime: w.now, ExtraExtensions: []pkix.Extension{{Id: id, Critical: critical, Value: value}}}}
		return w.list(ca, l)
	}
	deltaOf := extra(oidDelta, true, []byte{2, 1, 1})
	type outcome = struct {
		reason Reason
		answer http.HandlerFunc
	}
	return map[string]outcome{
		"DER":                    {"", body(good)},
		"PEM":                    {"", body(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: good}))},
		"PEM with a text before": {"", body(append([]byte("Certificate Revocation List:\n"), pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: good})...))},
		"gzip":                   {"", gzipped(t, good)},
		"of the card's names":    {"", body(w.with(point(t, issuingPoint{Name: pointName{Full: []asn1.RawValue{uri("http://elsewhere.example.fr/ca.crl"), uri(w.at("/ca.crl"))}}, OnlyUser: true})))},
		"IDP without a name":     {"", body(w.with(point(t, issuingPoint{OnlyUser: true})))},
		"a harmless extension":   {"", body(w.with(extra([]int{2, 5, 29, 60}, false, []byte{5, 0})))},
		"an invalidity date":     {"", body(entryWith(oidInvalidityDate, false, mustMarshal(t, w.now)))},
		"clock five minutes off": {"", body(w.list(ca, &x509.RevocationList{ThisUpdate: time.Now().Add(4 * time.Minute)}))},
		"PEM of a certificate":   {ReasonNotAList, body(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: card.Raw}))},
		"two lists in PEM":       {ReasonNotAList, body(slices.Repeat(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: good}), 2))},
		"a certificate":          {ReasonNotAList, body(card.Raw)},
		"a page":                 {ReasonNotAList, body([]byte("<!DOCTYPE html><title>TEST</title>"))},
		"nothing":                {ReasonNotAList, body(nil)},
		"half a list":            {ReasonNotAList, body(good[:len(good)/2])},
		"more after the list":    {ReasonNotAList, body(append(slices.Clone(good), 0))},
		"404":                    {ReasonUnavailable, http.NotFound},
		"204":                    {ReasonUnavailable, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }},
		"206": {ReasonUnavailable, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(good)
		}},
		"an end half way": {ReasonUnavailable, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "9999")
			_, _ = w.Write(good)
		}},
		"another encoding": {ReasonUnavailable, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "br")
			_, _ = w.Write(good)
		}},
		"redirects without end": {ReasonTooManyRedirects, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) }},
		"redirect to a file": {ReasonAddressRefused, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(http.StatusFound)
		}},
		"redirect to the inside": {ReasonAddressRefused, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/latest", http.StatusFound)
		}},
		"another issuer":          {ReasonWrongIssuer, body(w.list(w.pki.Root, listOf()))},
		"another key":             {ReasonBadSignature, body(w.changed(&stray, good, func(*tbsList) {}))},
		"another PKI of the name": {ReasonUnknownSigner, body(w.list(other.Intermediate, listOf()))},
		"one bit changed":         {ReasonBadSignature, body(flipped(good, len(good)-1))},
		"SHA-1":                   {ReasonWeakSignature, body(w.signed(ca, good, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 5}, crypto.SHA1, func(*tbsList) {}))},
		"expired":                 {ReasonExpired, body(w.list(ca, &x509.RevocationList{ThisUpdate: w.now.Add(-2 * time.Hour), NextUpdate: w.now.Add(-time.Second)}))},
		"of tomorrow":             {ReasonNotYetValid, body(w.list(ca, &x509.RevocationList{ThisUpdate: w.now.Add(20 * time.Hour)}))},
		"without nextUpdate":      {ReasonNoNextUpdate, body(w.changed(ca, good, func(l *tbsList) { l.NextUpdate = time.Time{} }))},
		"nextUpdate before":       {ReasonNotAList, body(w.changed(ca, good, func(l *tbsList) { l.NextUpdate = l.ThisUpdate.Add(-time.Hour) }))},
		"version 1":               {ReasonNotAList, body(w.changed(ca, good, func(l *tbsList) { l.Version = 0; l.Extensions = nil }))},
		"critical extension":      {ReasonCriticalExtension, body(w.with(extra([]int{2, 999, 1}, true, []byte{5, 0})))},
		"an extension twice":      {ReasonNotAList, body(w.list(ca, &x509.RevocationList{ExtraExtensions: []pkix.Extension{point(t, issuingPoint{OnlyUser: true}), point(t, issuingPoint{OnlyUser: true})}}))},
		"critical in an entry":    {ReasonCriticalExtension, body(entryWith([]int{2, 999, 1}, true, []byte{5, 0}))},
		"entry of another":        {ReasonIndirect, body(entryWith(oidCertificateIssuer, true, []byte{0x30, 0}))},
		"a delta":                 {ReasonDelta, body(w.with(deltaOf))},
		"indirect":                {ReasonIndirect, body(w.with(point(t, issuingPoint{Indirect: true})))},
		"some reasons":            {ReasonSomeReasons, body(w.with(point(t, issuingPoint{Reasons: asn1.BitString{Bytes: []byte{0x40}, BitLength: 2}})))},
		"authorities alone":       {ReasonScope, body(w.with(point(t, issuingPoint{OnlyCA: true})))},
		"attribute certificates":  {ReasonScope, body(w.with(point(t, issuingPoint{Attribute: true})))},
		"users and authorities":   {ReasonScope, body(w.with(point(t, issuingPoint{OnlyUser: true, OnlyCA: true})))},
		"another part":            {ReasonScope, body(w.with(point(t, issuingPoint{Name: pointName{Full: []asn1.RawValue{uri(w.at("/part2.crl"))}}})))},
		"a name by the issuer's":  {ReasonScope, body(w.with(point(t, issuingPoint{Name: pointName{Relative: []asn1.RawValue{{Tag: 16, IsCompound: true}}}})))},
		"IDP that is none":        {ReasonNotAList, body(w.with(extra(oidIssuingPoint, true, []byte{4, 0})))},
		"too large, as it says": {ReasonTooLarge, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(1<<20+1))
			w.WriteHeader(200)
		}},
		"too large":               {ReasonTooLarge, body(bytes.Repeat([]byte{0x30}, 1<<20+1))},
		"too large once unpacked": {ReasonTooLarge, gzipped(t, make([]byte, 2<<20))},
		"too many entries":        {ReasonTooManyEntries, body(w.list(ca, many(1001)))},
		"as many as may be":       {"", body(w.list(ca, many(1000)))},
	}
}

// TestOutcomes: what counts and what is refused, by name, before anything else is held.
func TestOutcomes(t *testing.T) {
	w := newWorld(t)
	chain := w.card()
	for name, c := range w.outcomes(chain[0]) {
		w.set("/ca.crl", c.answer)
		checker := w.checker(func(o *Options) { o.MaxListBytes, o.MaxEntries = 1<<20, 1000 })
		err := checker.Check(t.Context(), chain, w.now)
		if c.reason == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		var unknown *UnknownError
		if !errors.As(err, &unknown) || errors.Is(err, authtoken.ErrRevoked) || unknown.Depth != 0 || !slices.Contains(Reasons(err), c.reason) {
			t.Errorf("%s: %v, want %s", name, err, c.reason)
		}
		if err != nil && strings.Contains(err.Error(), chain[0].SerialNumber.String()) {
			t.Errorf("%s: the error has the card's number: %v", name, err)
		}
	}
}

func many(n int) *x509.RevocationList {
	l := &x509.RevocationList{}
	for i := range n {
		l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: big.NewInt(int64(i + 1)), RevocationTime: time.Now()})
	}
	return l
}

func flipped(der []byte, i int) []byte {
	changed := slices.Clone(der)
	changed[i] ^= 1
	return changed
}

func gzipped(t testing.TB, content []byte) http.HandlerFunc {
	t.Helper()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			t.Error("gzip is not asked for")
		}
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(packed.Bytes())
	}
}

func mustMarshal(t testing.TB, value time.Time) []byte {
	t.Helper()
	der, err := asn1.MarshalWithParams(value, "generalized")
	if err != nil {
		t.Fatal(err)
	}
	return der
}
