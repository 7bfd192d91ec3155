package authtoken

import (
	"crypto"
	"crypto/rsa"
	"errors"

	"github.com/cpx-bridge/cpx-bridge/internal/jwa"
)

// Algorithm is a signature algorithm by its name in RFC 7518, 3.1.
type Algorithm string

// The algorithms of the token: RSASSA-PKCS1-v1_5, RSASSA-PSS and ECDSA, whose curves
// are P-256, P-384 and P-521.
const (
	RS256 Algorithm = jwa.RS256
	RS384 Algorithm = jwa.RS384
	RS512 Algorithm = jwa.RS512
	PS256 Algorithm = jwa.PS256
	PS384 Algorithm = jwa.PS384
	PS512 Algorithm = jwa.PS512
	ES256 Algorithm = jwa.ES256
	ES384 Algorithm = jwa.ES384
	ES512 Algorithm = jwa.ES512
)

// Bounds of RSA keys, of cards and of their issuers. The lower ones are those of
// RFC 7518, 3.3 and of FIPS 186-5, A.1.1; the upper one is there because the time of a
// verification grows with the square of the size.
const (
	MinRSABits     = 2048
	MaxRSABits     = 8192
	MinRSAExponent = 65537
)

func lookup(name string) (jwa.Algorithm, error) {
	a, ok := jwa.Lookup(name)
	if !ok {
		return a, refuse(ReasonAlgorithmRefused, &AlgorithmError{Algorithm(name), errors.New("unknown")})
	}
	return a, nil
}

// lookupFor finds an algorithm by its name, and refuses one that does not fit the
// key.
func lookupFor(name string, key crypto.PublicKey) (jwa.Algorithm, error) {
	a, err := lookup(name)
	if err != nil {
		return a, err
	}
	if err := a.Fits(key); err != nil {
		return a, refuse(ReasonAlgorithmRefused, &AlgorithmError{Algorithm(name), err})
	}
	return a, nil
}

// checkRSA checks the bounds of a key, where it is one of RSA.
func checkRSA(key crypto.PublicKey, minBits int) *KeyError {
	public, ok := key.(*rsa.PublicKey)
	if !ok {
		return nil
	}
	if n := public.N.BitLen(); n < minBits || n > MaxRSABits || public.E < MinRSAExponent || public.E%2 == 0 {
		return &KeyError{Bits: n, Min: minBits, Max: MaxRSABits, Exponent: public.E}
	}
	return nil
}

// checkKey refuses a card's key that is too weak, or so large that it costs too much.
func checkKey(key crypto.PublicKey, minBits int) error {
	wrong := checkRSA(key, minBits)
	switch {
	case wrong == nil:
		return nil
	case wrong.Bits > wrong.Max:
		return refuse(ReasonAlgorithmRefused, wrong)
	}
	return refuse(ReasonWeakKey, wrong)
}
