package revocation

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
)

// fuzzIssuer is an issuer for signing whatever a fuzzer makes: always of the same key, since
// answers of OCSP name it. The seeds are not signed with it.
func fuzzIssuer(t testing.TB) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	secret := sha256.Sum256([]byte("TEST"))
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), secret[:])
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "TEST"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCRLSign | x509.KeyUsageCertSign, SignatureAlgorithm: x509.ECDSAWithSHA256,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// signedAnew is what the issuer would sign if it signed this: the signature of a list, or
// of the inner part of an answer, made anew. nil is what has no such form.
func signedAnew(der []byte, key crypto.Signer) []byte {
	var outer struct {
		TBS       asn1.RawValue
		Algorithm asn1.RawValue
		Signature asn1.BitString
		Rest      []asn1.RawValue `asn1:"explicit,tag:0,optional"`
	}
	if _, err := asn1.Unmarshal(der, &outer); err != nil {
		return nil
	}
	sum := sha256.Sum256(outer.TBS.FullBytes)
	signature, err := key.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		return nil
	}
	outer.Signature = asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}
	signed, err := asn1.Marshal(outer)
	if err != nil {
		return nil
	}
	return signed
}

// FuzzList: of a list, however it is made, nothing counts without the issuer's signature.
// One that counts is in force for a time, has what it says and nothing else, and says nothing
// critical that is not understood.
func FuzzList(f *testing.F) {
	issuer, key := fuzzIssuer(f)
	bounds := listBounds{1 << 20, 1000}
	f.Fuzz(func(t *testing.T, der []byte) {
		if _, err := readList(der, false, []*x509.Certificate{issuer}, bounds); err == nil {
			t.Error("a list that nobody signed counts")
		} else if !reasonOfOurs(err) {
			t.Errorf("%T: %v", err, err)
		}
		for _, delta := range []bool{false, true} {
			l, err := readList(signedAnew(der, key), delta, []*x509.Certificate{issuer}, bounds)
			if err != nil {
				continue
			}
			checkFuzzed(t, l, signedAnew(der, key), delta, bounds)
		}
	})
}

func reasonOfOurs(err error) bool {
	_, ok := err.(*Error)
	return ok && len(err.Error()) < 2000
}

func checkFuzzed(t *testing.T, l *list, der []byte, delta bool, bounds listBounds) {
	t.Helper()
	parsed, err := x509.ParseRevocationList(der)
	if err != nil {
		t.Fatal(err)
	}
	if l.nextUpdate.IsZero() || l.nextUpdate.Before(l.thisUpdate) || (l.base != nil) != delta || !bytes.Equal(l.rawIssuer, parsed.RawIssuer) {
		t.Errorf("%+v", l)
	}
	numbers := map[string]bool{}
	for _, e := range parsed.RevokedCertificateEntries {
		numbers[e.SerialNumber.String()] = true
		if _, found := l.entries.find(e.SerialNumber); !found {
			t.Errorf("%s is in the list, and is not found", e.SerialNumber)
		}
	}
	if l.entries.count != len(parsed.RevokedCertificateEntries) || l.entries.count > bounds.entries {
		t.Errorf("%d entries of %d", l.entries.count, len(parsed.RevokedCertificateEntries))
	}
	for _, e := range parsed.RevokedCertificateEntries {
		for _, beside := range []*big.Int{new(big.Int).Add(e.SerialNumber, big.NewInt(1)), new(big.Int).Neg(e.SerialNumber), new(big.Int).Lsh(e.SerialNumber, 8)} {
			if _, found := l.entries.find(beside); found != numbers[beside.String()] {
				t.Errorf("%s is found: %v", beside, found)
			}
		}
	}
	for _, e := range parsed.Extensions {
		understood := e.Id.Equal(oidNumber) || e.Id.Equal(oidDelta) || e.Id.Equal(oidIssuingPoint) || e.Id.Equal(oidAuthorityKey) || e.Id.Equal(oidIssuerName) || e.Id.Equal(oidFreshest)
		if e.Critical && !understood {
			t.Errorf("%s is critical", e.Id)
		}
	}
}

// FuzzAnswer: of an answer of OCSP, however it is made, nothing counts without the signature
// of the issuer or of whom it authorized, nor for another certificate than the one that was
// asked for.
func FuzzAnswer(f *testing.F) {
	issuer, key := fuzzIssuer(f)
	question, card := fuzzQuestion(f, issuer)
	now := fuzzNow
	f.Fuzz(func(t *testing.T, der []byte) {
		if _, err := readAnswer(der, question, card, issuer, now, time.Minute); err == nil {
			t.Error("an answer that nobody signed counts")
		} else if !reasonOfOurs(err) {
			t.Errorf("%T: %v", err, err)
		}
		signed := answerSignedAnew(der, key)
		a, err := readAnswer(signed, question, card, issuer, now, time.Minute)
		if err != nil {
			return
		}
		if a.SerialNumber.Cmp(card.SerialNumber) != 0 || a.ThisUpdate.After(now.Add(time.Minute)) || !a.NextUpdate.IsZero() && a.NextUpdate.Before(now) {
			t.Errorf("%+v counts", a)
		}
	})
}

var fuzzNow = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func fuzzQuestion(t testing.TB, issuer *x509.Certificate) ([]byte, *x509.Certificate) {
	t.Helper()
	card := &x509.Certificate{SerialNumber: big.NewInt(77)}
	question, err := ocsp.CreateRequest(card, issuer, nil)
	if err != nil {
		t.Fatal(err)
	}
	return question, card
}

// answerSignedAnew is an answer with the signature that the issuer would make.
func answerSignedAnew(der []byte, key crypto.Signer) []byte {
	var outer struct {
		Status asn1.Enumerated
		Bytes  struct {
			Type asn1.ObjectIdentifier
			DER  []byte
		} `asn1:"explicit,tag:0,optional"`
	}
	if _, err := asn1.Unmarshal(der, &outer); err != nil {
		return nil
	}
	outer.Bytes.DER = signedAnew(outer.Bytes.DER, key)
	signed, err := asn1.Marshal(outer)
	if err != nil {
		return nil
	}
	return signed
}

// TestSeedsCount: the seeds that are named so count once they are signed, so that what is
// mutated from them is not refused for its form alone.
func TestSeedsCount(t *testing.T) {
	issuer, key := fuzzIssuer(t)
	for _, name := range []string{"good", "entries", "partition"} {
		der := readSeed(t, "FuzzList", name)
		if _, err := readList(signedAnew(der, key), false, []*x509.Certificate{issuer}, listBounds{1 << 20, 1000}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := readList(signedAnew(readSeed(t, "FuzzList", "delta"), key), true, []*x509.Certificate{issuer}, listBounds{1 << 20, 1000}); err != nil {
		t.Errorf("delta: %v", err)
	}
	question, card := fuzzQuestion(t, issuer)
	for _, name := range []string{"good", "revoked"} {
		if _, err := readAnswer(answerSignedAnew(readSeed(t, "FuzzAnswer", name), key), question, card, issuer, fuzzNow, time.Minute); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func readSeed(t *testing.T, target, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "fuzz", target, name))
	if err != nil {
		t.Fatal(err)
	}
	quoted := bytes.TrimSuffix(bytes.TrimPrefix(bytes.TrimSpace(text), []byte("go test fuzz v1\n[]byte(")), []byte(")"))
	content, err := strconv.Unquote(string(quoted))
	if err != nil {
		t.Fatal(err)
	}
	return []byte(content)
}
