package authtoken

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"log/slog"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/jwa"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
)

const (
	testOrigin = "https://portail.test.example"
	testNonce  = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
)

var testNow = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// fixture is a demonstration PKI with one key of each type, made once.
type fixture struct {
	pki        *demopki.PKI
	rsa        *rsa.PrivateKey
	p256, p384 *ecdsa.PrivateKey
}

var makeFixture = sync.OnceValues(func() (*fixture, error) {
	pki, err := demopki.New(testNow)
	if err != nil {
		return nil, err
	}
	f := &fixture{pki: pki}
	if f.rsa, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		return nil, err
	}
	if f.p256, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	f.p384, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	return f, err
})

func getFixture(t testing.TB) *fixture {
	t.Helper()
	f, err := makeFixture()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// issue makes the certificate of a CPS, valid for two hours around testNow.
func (f *fixture) issue(t testing.TB, key crypto.Signer, usage demopki.Usage) *x509.Certificate {
	t.Helper()
	return f.issueAt(t, key, usage, testNow.Add(-time.Hour), testNow.Add(time.Hour))
}

func (f *fixture) issueAt(t testing.TB, key crypto.Signer, usage demopki.Usage, from, to time.Time) *x509.Certificate {
	t.Helper()
	cert, err := f.pki.Intermediate.Issue(demopki.Leaf{
		Holder: demopki.NewHolder("CPS", 1), Usage: usage,
		NotBefore: from, NotAfter: to, PublicKey: key.Public(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// rawSign signs as a card does, ECDSA as r||s.
func rawSign(t testing.TB, key crypto.Signer, alg string, message []byte) []byte {
	t.Helper()
	a := jwa.Get(alg)
	var opts crypto.SignerOpts = a.Hash()
	if a.IsPSS() {
		opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: a.Hash()}
	}
	signature, err := key.Sign(rand.Reader, a.Digest(message), opts)
	if err != nil {
		t.Fatal(err)
	}
	public, ok := key.Public().(*ecdsa.PublicKey)
	if !ok {
		return signature
	}
	var rs struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(signature, &rs); err != nil {
		t.Fatal(err)
	}
	n := (public.Curve.Params().BitSize + 7) / 8
	raw := make([]byte, 2*n)
	rs.R.FillBytes(raw[:n])
	rs.S.FillBytes(raw[n:])
	return raw
}

func makeToken(t testing.TB, cert *x509.Certificate, key crypto.Signer, alg, origin, nonce string) Token {
	t.Helper()
	message, err := Message(alg, origin, nonce)
	if err != nil {
		t.Fatal(err)
	}
	token, err := New(cert, alg, rawSign(t, key, alg, message), "test/1")
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func encode(t testing.TB, token Token) []byte {
	t.Helper()
	b, err := json.Marshal(token)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// template issues certificates that demopki would not, under its intermediate.
func (f *fixture) template(t testing.TB, change func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	policy, err := x509.ParseOID(demopki.PolicyAuthentication)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "899700075122"},
		NotBefore: testNow.Add(-time.Hour), NotAfter: testNow.Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		Policies: []x509.OID{policy},
	}
	change(c)
	return create(t, c, f.pki.Intermediate.Cert, f.rsa.Public(), f.pki.Intermediate.Key)
}

// sized issues a certificate of so many bytes.
func (f *fixture) sized(t testing.TB, size int) *x509.Certificate {
	t.Helper()
	filled := 0
	for {
		cert := f.template(t, func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 999, 3}, Value: make([]byte, filled)}}
		})
		if len(cert.Raw) == size {
			return cert
		}
		filled += size - len(cert.Raw)
	}
}

func (f *fixture) selfSigned(t testing.TB) *x509.Certificate {
	t.Helper()
	model := f.issue(t, f.rsa, demopki.Authentication)
	return create(t, model, model, f.rsa.Public(), f.rsa)
}

func create(t testing.TB, template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// config accepts the demonstration's authentication certificates.
func (f *fixture) config() Config {
	return Config{
		Origin: testOrigin,
		Profile: Profile{
			AllowTestCards: true,
			TrustGroups: []TrustGroup{{
				Name: "demo", Test: true,
				Roots:            []*x509.Certificate{f.pki.Root.Cert},
				Intermediates:    []*x509.Certificate{f.pki.Intermediate.Cert},
				RequiredPolicies: []string{demopki.PolicyAuthentication},
				RefusedPolicies:  []string{demopki.PolicyTechnical},
				RequireEKU:       true,
			}},
		},
		Revocation: RevocationOff,
		Now:        func() time.Time { return testNow },
		Logger:     slog.New(slog.DiscardHandler),
	}
}
