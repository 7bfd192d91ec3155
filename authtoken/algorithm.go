package authtoken

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

type scheme int

const (
	schemePKCS1 scheme = iota // RSASSA-PKCS1-v1_5, RFC 8017 section 8.2
	schemePSS                 // RSASSA-PSS with MGF1 on the same hash, RFC 8017 section 8.1
	schemeECDSA               // raw r||s, RFC 7518 section 3.4
)

type algorithm struct {
	scheme scheme
	hash   crypto.Hash
	curve  elliptic.Curve // ECDSA only: the algorithm's name fixes the curve
}

// algorithms are those of RFC 7518 section 3.1 that the Web eID token allows.
var algorithms = map[string]algorithm{
	"RS256": {schemePKCS1, crypto.SHA256, nil},
	"RS384": {schemePKCS1, crypto.SHA384, nil},
	"RS512": {schemePKCS1, crypto.SHA512, nil},
	"PS256": {schemePSS, crypto.SHA256, nil},
	"PS384": {schemePSS, crypto.SHA384, nil},
	"PS512": {schemePSS, crypto.SHA512, nil},
	"ES256": {schemeECDSA, crypto.SHA256, elliptic.P256()},
	"ES384": {schemeECDSA, crypto.SHA384, elliptic.P384()},
	"ES512": {schemeECDSA, crypto.SHA512, elliptic.P521()},
}

func lookup(name string) (algorithm, error) {
	a, ok := algorithms[name]
	if !ok {
		return algorithm{}, refuse(ReasonAlgorithmRefused, "unknown algorithm %.20q", name)
	}
	return a, nil
}

// fits says whether the algorithm can be used with the key.
func (a algorithm) fits(public crypto.PublicKey) error {
	switch key := public.(type) {
	case *rsa.PublicKey:
		if a.scheme == schemeECDSA {
			return refuse(ReasonAlgorithmRefused, "an ECDSA algorithm for an RSA key")
		}
	case *ecdsa.PublicKey:
		if a.scheme != schemeECDSA {
			return refuse(ReasonAlgorithmRefused, "an RSA algorithm for an ECDSA key")
		}
		if key.Curve != a.curve {
			return refuse(ReasonAlgorithmRefused, "the key's curve is not the algorithm's")
		}
	default:
		return refuse(ReasonAlgorithmRefused, "key of type %T", public)
	}
	return nil
}

// checkLength refuses a signature that cannot be one of the key's: DER instead
// of raw ECDSA among others. The key must fit the algorithm.
func (a algorithm) checkLength(public crypto.PublicKey, signature []byte) error {
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

func (a algorithm) coordinate() int { return (a.curve.Params().BitSize + 7) / 8 }

func (a algorithm) digest(message []byte) []byte {
	h := a.hash.New()
	h.Write(message)
	return h.Sum(nil)
}

// verify checks the signature over the message; the key must fit the algorithm.
func (a algorithm) verify(public crypto.PublicKey, message, signature []byte) error {
	if err := a.checkLength(public, signature); err != nil {
		return err
	}
	digest := a.digest(message)
	switch key := public.(type) {
	case *rsa.PublicKey:
		if a.scheme == schemePSS {
			return rsa.VerifyPSS(key, a.hash, digest, signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		}
		return rsa.VerifyPKCS1v15(key, a.hash, digest, signature)
	case *ecdsa.PublicKey:
		n := a.coordinate()
		r, s := new(big.Int).SetBytes(signature[:n]), new(big.Int).SetBytes(signature[n:])
		if !ecdsa.Verify(key, digest, r, s) {
			return errors.New("ECDSA verification error")
		}
		return nil
	}
	return fmt.Errorf("key of type %T", public)
}
