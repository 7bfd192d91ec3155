// Package jwa has the signature algorithms of the Web eID token, by their names in
// JSON Web Algorithms (RFC 7518, 3.1): RSASSA-PKCS1-v1_5 and RSASSA-PSS (RFC
// 8017) and ECDSA, each with SHA-2. ECDSA signatures are the raw r‖s of section
// 3.4 and never DER; the salt of PSS is as long as the hash (3.5).
//
// It says which algorithm fits which key, hashes and verifies. It never signs:
// cards do. Algorithms are values; all functions and methods may be called
// concurrently.
package jwa

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha256" // makes crypto.SHA256 available
	_ "crypto/sha512" // makes crypto.SHA384 and crypto.SHA512 available
	"errors"
	"fmt"
	"math/big"
)

// The names.
const (
	RS256, RS384, RS512 = "RS256", "RS384", "RS512"
	PS256, PS384, PS512 = "PS256", "PS384", "PS512"
	ES256, ES384, ES512 = "ES256", "ES384", "ES512"
)

type scheme int

const (
	schemePKCS1 scheme = iota + 1 // RFC 8017, 8.2
	schemePSS                     // RFC 8017, 8.1, with MGF1 on the same hash
	schemeECDSA                   // RFC 7518, 3.4
)

// Algorithm is one of the nine; the zero value is none.
type Algorithm struct {
	name   string
	scheme scheme
	hash   crypto.Hash
	curve  elliptic.Curve // ECDSA only: the algorithm's name fixes the curve
}

var algorithms = map[string]Algorithm{
	RS256: {RS256, schemePKCS1, crypto.SHA256, nil},
	RS384: {RS384, schemePKCS1, crypto.SHA384, nil},
	RS512: {RS512, schemePKCS1, crypto.SHA512, nil},
	PS256: {PS256, schemePSS, crypto.SHA256, nil},
	PS384: {PS384, schemePSS, crypto.SHA384, nil},
	PS512: {PS512, schemePSS, crypto.SHA512, nil},
	ES256: {ES256, schemeECDSA, crypto.SHA256, elliptic.P256()},
	ES384: {ES384, schemeECDSA, crypto.SHA384, elliptic.P384()},
	ES512: {ES512, schemeECDSA, crypto.SHA512, elliptic.P521()},
}

// Lookup finds an algorithm by its name, whose letter case counts.
func Lookup(name string) (Algorithm, bool) {
	a, ok := algorithms[name]
	return a, ok
}

// Get is Lookup for this package's constants: it panics for any other name.
func Get(name string) Algorithm {
	a, ok := Lookup(name)
	if !ok {
		panic("jwa: no algorithm " + name)
	}
	return a
}

// String returns the algorithm's name.
func (a Algorithm) String() string { return a.name }

// Hash returns the hash whose digest the algorithm signs.
func (a Algorithm) Hash() crypto.Hash { return a.hash }

// IsPSS reports whether it is one of RSASSA-PSS.
func (a Algorithm) IsPSS() bool { return a.scheme == schemePSS }

// Fits returns nil where the algorithm fits the key.
func (a Algorithm) Fits(public crypto.PublicKey) error {
	switch key := public.(type) {
	case *rsa.PublicKey:
		if a.scheme == schemeECDSA {
			return errors.New("an ECDSA algorithm for an RSA key")
		}
	case *ecdsa.PublicKey:
		if a.scheme != schemeECDSA {
			return errors.New("an RSA algorithm for an ECDSA key")
		}
		if key.Curve != a.curve {
			return errors.New("the key's curve is not the algorithm's")
		}
	default:
		return fmt.Errorf("key of type %T", public)
	}
	return nil
}

// minRSABits is what RFC 7518, 3.3 and 3.5 require.
const minRSABits = 2048

// maxExponent is the largest public exponent with which crypto/rsa verifies.
const maxExponent = 1<<31 - 1

// Carries returns nil where some algorithm is for the key, and a verifier takes
// signatures made with it.
func Carries(public crypto.PublicKey) error {
	switch key := public.(type) {
	case *rsa.PublicKey:
		if n := key.N.BitLen(); n < minRSABits {
			return fmt.Errorf("RSA key of %d bits, at least %d", n, minRSABits)
		}
		if key.E > maxExponent {
			return errors.New("RSA key with a public exponent of more than 31 bits")
		}
		return nil
	case *ecdsa.PublicKey:
		for _, a := range algorithms {
			if a.Fits(public) == nil {
				return nil
			}
		}
		return fmt.Errorf("no algorithm is for keys on curve %s", key.Params().Name)
	}
	return fmt.Errorf("key of type %T", public)
}

// Digest hashes a message.
func (a Algorithm) Digest(message []byte) []byte {
	h := a.hash.New()
	h.Write(message)
	return h.Sum(nil)
}

// CheckLength refuses a signature whose length cannot be the key's, such as one in
// DER instead of raw ECDSA. The key must fit the algorithm.
func (a Algorithm) CheckLength(public crypto.PublicKey, signature []byte) error {
	want := 0
	switch key := public.(type) {
	case *rsa.PublicKey:
		want = key.Size()
	case *ecdsa.PublicKey:
		want = 2 * a.coordinate()
	}
	if len(signature) != want {
		return fmt.Errorf("signature of %d bytes, want %d", len(signature), want)
	}
	return nil
}

// coordinate is the length of r and of s, in bytes.
func (a Algorithm) coordinate() int { return (a.curve.Params().BitSize + 7) / 8 }

// Verify returns nil where the key made the signature over the message.
func (a Algorithm) Verify(public crypto.PublicKey, message, signature []byte) error {
	if err := a.Fits(public); err != nil {
		return err
	}
	if err := a.CheckLength(public, signature); err != nil {
		return err
	}
	digest := a.Digest(message)
	if key, ok := public.(*rsa.PublicKey); ok {
		if a.IsPSS() {
			return rsa.VerifyPSS(key, a.hash, digest, signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		}
		return rsa.VerifyPKCS1v15(key, a.hash, digest, signature)
	}
	n := a.coordinate()
	r, s := new(big.Int).SetBytes(signature[:n]), new(big.Int).SetBytes(signature[n:])
	if !ecdsa.Verify(public.(*ecdsa.PublicKey), digest, r, s) { // Fits has checked the type
		return errors.New("ECDSA verification error")
	}
	return nil
}
