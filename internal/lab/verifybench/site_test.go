package verifybench

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"time"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/authtoken/revocation"
)

// kind is a kind of key, which authorities and cards have alike.
type kind struct {
	name, alg string
	generate  func() (crypto.Signer, error)
}

var kinds = []kind{
	{"RSA-2048", "RS256", func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 2048) }},
	{"P-256", "ES256", func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }},
	{"P-384", "ES384", func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P384(), rand.Reader) }},
}

const (
	origin  = "https://portail.example.fr"
	nonce   = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	policy  = "2.999.10.1"
	cards   = 32
	entries = 200_000
)

// site is a verifier, with the tokens that come to it, and the floor beside it.
type site struct {
	root, middle   *x509.Certificate
	keys           []crypto.Signer // root's, intermediate's
	server         *httptest.Server
	lists          *revocation.Checker
	verifier, memo *authtoken.Verifier
	tokens         [][]byte
}

func newSite(ctx context.Context, k kind) (*site, error) {
	s := &site{}
	mux := http.NewServeMux()
	s.server = httptest.NewServer(mux)
	if err := s.authorities(k); err != nil {
		return nil, err
	}
	for name, list := range map[string]func() ([]byte, error){
		"/root.crl": func() ([]byte, error) { return s.list(s.root, s.keys[0], 1) },
		"/ca.crl":   func() ([]byte, error) { return s.list(s.middle, s.keys[1], entries) },
	} {
		der, err := list()
		if err != nil {
			return nil, err
		}
		mux.HandleFunc(name, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(der) })
	}
	if err := s.makeTokens(k); err != nil {
		return nil, err
	}
	return s, s.verifiers(ctx)
}

func (s *site) close() {
	if s.lists != nil {
		_ = s.lists.Close()
	}
	s.server.Close()
}

func (s *site) authorities(k kind) error {
	template := func(serial int64, name string) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{Country: []string{"FR"}, Organization: []string{"TEST"}, CommonName: "TEST " + name},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
			IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		}
	}
	for range 2 {
		key, err := k.generate()
		if err != nil {
			return err
		}
		s.keys = append(s.keys, key)
	}
	root, middle := template(1, "AC RACINE"), template(2, "AC PERSONNES")
	middle.CRLDistributionPoints = []string{s.server.URL + "/root.crl"}
	var err error
	if s.root, err = create(root, root, s.keys[0].Public(), s.keys[0]); err == nil {
		s.middle, err = create(middle, s.root, s.keys[1].Public(), s.keys[0])
	}
	return err
}

func create(template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// list is a revocation list of so many entries, none of which is a card's here.
func (s *site) list(issuer *x509.Certificate, key crypto.Signer, n int) ([]byte, error) {
	l := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Minute), NextUpdate: time.Now().AddDate(0, 0, 7)}
	for i := range n {
		serial := sha256.Sum256(big.NewInt(int64(i)).Bytes())
		serial[0] &= 0x7f
		l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{
			SerialNumber: new(big.Int).SetBytes(serial[:16]), RevocationTime: l.ThisUpdate,
		})
	}
	return x509.CreateRevocationList(rand.Reader, l, issuer, key)
}

func (s *site) makeTokens(k kind) error {
	oid, err := x509.ParseOID(policy)
	if err != nil {
		return err
	}
	for i := range cards {
		key, err := k.generate()
		if err != nil {
			return err
		}
		card, err := create(&x509.Certificate{
			SerialNumber: big.NewInt(int64(1000 + i)), Subject: pkix.Name{Country: []string{"FR"}, CommonName: "899700075122", SerialNumber: "TEST"},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
			KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
			Policies: []x509.OID{oid}, CRLDistributionPoints: []string{s.server.URL + "/ca.crl"},
		}, s.middle, key.Public(), s.keys[1])
		if err != nil {
			return err
		}
		message, err := authtoken.Message(k.alg, origin, nonce)
		if err != nil {
			return err
		}
		signature, err := sign(k.alg, key, message)
		if err != nil {
			return err
		}
		token, err := authtoken.New(card, k.alg, signature, "https://test.example/bench/1")
		if err != nil {
			return err
		}
		raw, err := json.Marshal(token)
		if err != nil {
			return err
		}
		s.tokens = append(s.tokens, raw)
	}
	return nil
}

func digest(alg string, message []byte) ([]byte, crypto.Hash) {
	if alg[2:] == "384" {
		sum := sha512.Sum384(message)
		return sum[:], crypto.SHA384
	}
	sum := sha256.Sum256(message)
	return sum[:], crypto.SHA256
}

// sign signs as a card does.
func sign(alg string, key crypto.Signer, message []byte) ([]byte, error) {
	sum, hash := digest(alg, message)
	der, err := key.Sign(rand.Reader, sum, hash)
	public, ok := key.Public().(*ecdsa.PublicKey)
	if err != nil || !ok {
		return der, err
	}
	var rs struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &rs); err != nil {
		return nil, err
	}
	n := (public.Curve.Params().BitSize + 7) / 8
	return append(rs.R.FillBytes(make([]byte, n)), rs.S.FillBytes(make([]byte, n))...), nil
}

func (s *site) verifiers(ctx context.Context) (err error) {
	quiet := slog.New(slog.DiscardHandler)
	s.lists, err = revocation.New(revocation.Options{
		Methods: []revocation.Method{revocation.CRL}, AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Wait: time.Minute, Log: quiet,
	})
	if err != nil {
		return err
	}
	if err := s.lists.Check(ctx, []*x509.Certificate{s.middle, s.root}, time.Now()); err != nil {
		return err
	}
	config := authtoken.Config{
		Origin: origin, Revocation: s.lists, Logger: quiet,
		Profile: authtoken.Profile{AllowTestCards: true, TrustGroups: []authtoken.TrustGroup{{
			Name: "bench", Test: true, Roots: []*x509.Certificate{s.root}, Intermediates: []*x509.Certificate{s.middle},
			RequiredPolicies: []string{policy}, RefusedPolicies: []string{"2.999.10.2"}, RequireEKU: true,
		}}},
	}
	if s.memo, err = authtoken.NewVerifier(config); err != nil {
		return err
	}
	config.VerifyIssuersEachTime = true
	s.verifier, err = authtoken.NewVerifier(config)
	return err
}

func (s *site) plain(i int) error {
	_, err := s.verifier.Verify(context.Background(), s.tokens[i%cards], nonce)
	return err
}

func (s *site) cached(i int) error {
	_, err := s.memo.Verify(context.Background(), s.tokens[i%cards], nonce)
	return err
}

// floor verifies the signatures of a token and its chain, and checks nothing.
func (s *site) floor(i int) error {
	var token authtoken.Token
	if err := json.Unmarshal(s.tokens[i%cards], &token); err != nil {
		return err
	}
	der, err := base64.StdEncoding.DecodeString(token.UnverifiedCertificate)
	if err != nil {
		return err
	}
	card, err := x509.ParseCertificate(der)
	if err != nil {
		return err
	}
	if err := card.CheckSignatureFrom(s.middle); err != nil {
		return err
	}
	if err := s.middle.CheckSignatureFrom(s.root); err != nil {
		return err
	}
	signature, err := base64.StdEncoding.DecodeString(token.Signature)
	if err != nil {
		return err
	}
	ofOrigin, _ := digest(token.Algorithm, []byte(origin))
	ofNonce, _ := digest(token.Algorithm, []byte(nonce))
	sum, hash := digest(token.Algorithm, append(ofOrigin, ofNonce...))
	switch key := card.PublicKey.(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(key, hash, sum, signature)
	case *ecdsa.PublicKey:
		n := len(signature) / 2
		if ecdsa.Verify(key, sum, new(big.Int).SetBytes(signature[:n]), new(big.Int).SetBytes(signature[n:])) {
			return nil
		}
	}
	return errors.New("bad signature")
}
