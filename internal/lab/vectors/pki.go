package main

import (
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
	"fmt"
	"math/big"
	"time"
)

// must ends the program: what fails here is a mistake in it.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

var b64 = base64.StdEncoding.EncodeToString

const (
	origin      = "https://portail.example.fr"
	nonce       = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	policy      = "2.999.10.1"
	otherPolicy = "2.999.10.9"
	anyPolicy   = "2.5.29.32.0"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// stream is as many bytes as are read, by a seed.
type stream struct {
	seed string
	n    int
	rest []byte
}

func (s *stream) Read(p []byte) (int, error) {
	for i := range p {
		if len(s.rest) == 0 {
			sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", s.seed, s.n))
			s.n, s.rest = s.n+1, sum[:]
		}
		p[i], s.rest = s.rest[0], s.rest[1:]
	}
	return len(p), nil
}

func ecKey(curve elliptic.Curve, seed string) *ecdsa.PrivateKey {
	scalar := make([]byte, (curve.Params().BitSize+7)/8)
	(&stream{seed: seed}).Read(scalar)
	scalar[0] = 0 // under the order of every curve
	return must(ecdsa.ParseRawPrivateKey(curve, scalar))
}

// rsaKey has two primes of the seed.
func rsaKey(bits, exponent int, seed string) *rsa.PrivateKey {
	s := &stream{seed: seed}
	e, one := big.NewInt(int64(exponent)), big.NewInt(1)
	prime := func(size int) *big.Int {
		for {
			b := make([]byte, (size+7)/8)
			s.Read(b)
			p := new(big.Int).SetBytes(b)
			p.Rsh(p, uint(len(b)*8-size))
			p.SetBit(p.SetBit(p.SetBit(p, size-1, 1), size-2, 1), 0, 1)
			if p.ProbablyPrime(20) && new(big.Int).GCD(nil, nil, e, new(big.Int).Sub(p, one)).Cmp(one) == 0 {
				return p
			}
		}
	}
	p, q := prime(bits-bits/2), prime(bits/2)
	phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	key := &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: exponent},
		D:         new(big.Int).ModInverse(e, phi), Primes: []*big.Int{p, q},
	}
	if bits >= 1024 && exponent > 3 {
		key.Precompute()
	}
	return key
}

// authority is a CA.
type authority struct {
	name string
	cert *x509.Certificate
	key  crypto.Signer
}

type change = func(*x509.Certificate)

func oids(dotted ...string) (list []x509.OID) {
	for _, text := range dotted {
		list = append(list, must(x509.ParseOID(text)))
	}
	return list
}

// create issues a certificate.
func create(template *x509.Certificate, parent *authority, public crypto.PublicKey, key crypto.Signer) *x509.Certificate {
	issuer := template
	if parent != nil {
		issuer, key = parent.cert, parent.key
	}
	der := must(x509.CreateCertificate(&stream{seed: "certificate"}, template, issuer, public, key))
	cert, err := x509.ParseCertificate(der)
	if err != nil { // such are wanted too
		return &x509.Certificate{Raw: der, PublicKey: public}
	}
	return cert
}

// ca makes an authority, by itself where parent is nil, and names its certificate.
func (b *builder) ca(name, subject string, parent *authority, key crypto.Signer, changes ...change) *authority {
	b.serial++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(b.serial), Subject: pkix.Name{Country: []string{"FR"}, Organization: []string{"TEST"}, CommonName: "TEST " + subject},
		NotBefore: now.AddDate(-5, 0, 0), NotAfter: now.AddDate(10, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, MaxPathLen: -1,
	}
	for _, change := range changes {
		change(template)
	}
	if key == nil {
		key = ecKey(elliptic.P256(), "authority "+name)
	}
	a := &authority{name, create(template, parent, key.Public(), key), key}
	b.file.Certificates[name] = b64(a.cert.Raw)
	return a
}

// card issues an authentication certificate.
func (b *builder) card(issuer *authority, key crypto.PublicKey, changes ...change) *x509.Certificate {
	b.serial++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(b.serial),
		Subject: pkix.Name{Country: []string{"FR"}, CommonName: "899700075122", ExtraNames: []pkix.AttributeTypeAndValue{
			{Type: asn1.ObjectIdentifier{2, 5, 4, 4}, Value: "TEST DURAND"}, {Type: asn1.ObjectIdentifier{2, 5, 4, 42}, Value: "Camille"},
		}},
		NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(2, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		Policies: oids(policy),
	}
	for _, change := range changes {
		change(template)
	}
	return create(template, issuer, key, nil)
}

// sum hashes with the hash of an algorithm.
func sum(alg string, message []byte) []byte {
	switch alg[2:] {
	case "384":
		h := sha512.Sum384(message)
		return h[:]
	case "512":
		h := sha512.Sum512(message)
		return h[:]
	}
	h := sha256.Sum256(message)
	return h[:]
}

func hashOf(alg string) crypto.Hash {
	return map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[alg[2:]]
}

// message is what is signed.
func message(alg, origin, nonce string) []byte {
	return append(sum(alg, []byte(origin)), sum(alg, []byte(nonce))...)
}

// sign signs as a card does.
func sign(alg string, key crypto.Signer, message []byte) []byte {
	digest := sum(alg, message)
	switch key := key.(type) {
	case *rsa.PrivateKey:
		if alg[0] == 'P' {
			return must(rsa.SignPSS(rand.Reader, key, hashOf(alg), digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}))
		}
		return must(rsa.SignPKCS1v15(nil, key, hashOf(alg), digest))
	case *ecdsa.PrivateKey:
		return raw(key, must(key.Sign(nil, digest, hashOf(alg))))
	}
	panic("no such key")
}

// raw is a DER signature as r‖s.
func raw(key *ecdsa.PrivateKey, der []byte) []byte {
	var rs struct{ R, S *big.Int }
	must(asn1.Unmarshal(der, &rs))
	n := (key.Curve.Params().BitSize + 7) / 8
	return append(rs.R.FillBytes(make([]byte, n)), rs.S.FillBytes(make([]byte, n))...)
}

// token has the members in the order in which agents write them.
type token struct {
	Format      string `json:"format"`
	Certificate string `json:"unverifiedCertificate"`
	Algorithm   string `json:"algorithm"`
	Signature   string `json:"signature"`
	App         string `json:"appVersion"`
}

func (t token) String() string { return string(must(json.Marshal(t))) }

func makeToken(cert *x509.Certificate, alg string, key crypto.Signer, origin, nonce string) token {
	return token{"web-eid:1.0", b64(cert.Raw), alg, b64(sign(alg, key, message(alg, origin, nonce))), "https://test.example/vectors/1"}
}
