package authtoken

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"slices"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/jwa"
)

// Format is the only token format that this package makes and accepts.
//
// A newer web-eid:1.1 adds signing certificates and intermediate certificates
// beside the signature, which does not cover them: a token of 1.1 proves no more
// than one of 1.0, and whoever relays it can change what it adds. Cards' middleware
// goes on making 1.0. So 1.1 is refused, by name, as is any other.
const Format = "web-eid:1.0"

const format11 = "web-eid:1.1"

// Limits of a nonce, in characters (Web eID architecture, authentication).
const (
	MinNonceLength = 44
	MaxNonceLength = 128
)

// Token is the authentication token as it travels.
type Token struct {
	Format                string `json:"format"`
	UnverifiedCertificate string `json:"unverifiedCertificate"` // padded standard base64 of the DER
	Algorithm             string `json:"algorithm"`             // RFC 7518 section 3.1
	Signature             string `json:"signature"`             // padded standard base64; ECDSA as raw r||s
	AppVersion            string `json:"appVersion"`            // informative
}

// Message returns what is signed: H(origin)||H(nonce), where H is the algorithm's
// hash and the nonce is hashed as its text. The signature algorithm hashes the
// result again.
//
// The error is an *Error: algorithm_refused, origin_invalid or nonce_length.
func Message(alg, origin, nonce string) ([]byte, error) {
	a, err := lookup(alg)
	if err != nil {
		return nil, err
	}
	if err := CheckOrigin(origin); err != nil {
		return nil, err
	}
	if err := CheckNonce(nonce); err != nil {
		return nil, err
	}
	return signedBytes(a, origin, nonce), nil
}

// signedBytes is Message for what was checked.
func signedBytes(a jwa.Algorithm, origin, nonce string) []byte {
	return slices.Concat(a.Digest([]byte(origin)), a.Digest([]byte(nonce)))
}

// New makes a token from a signature over Message's result, which for ECDSA is the
// raw r||s.
//
// The error is an *Error: malformed_certificate, algorithm_refused for an
// algorithm that does not fit the key, bad_signature for an impossible length. The
// signature itself is not verified: New does not know the message.
func New(cert *x509.Certificate, alg string, signature []byte, appVersion string) (Token, error) {
	if cert == nil || len(cert.Raw) == 0 {
		return Token{}, refuse(ReasonMalformedCertificate, &CertificateError{0, errors.New("no certificate")})
	}
	a, err := lookupFor(alg, cert.PublicKey)
	if err != nil {
		return Token{}, err
	}
	if err := a.CheckLength(cert.PublicKey, signature); err != nil {
		return Token{}, refuse(ReasonBadSignature, &SignatureError{err})
	}
	return Token{
		Format:                Format,
		UnverifiedCertificate: base64.StdEncoding.EncodeToString(cert.Raw),
		Algorithm:             alg,
		Signature:             base64.StdEncoding.EncodeToString(signature),
		AppVersion:            appVersion,
	}, nil
}

// NewNonce makes a nonce: 32 random bytes, as 44 characters of base64.
func NewNonce() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails: without randomness crypto/rand ends the process
	return base64.StdEncoding.EncodeToString(b[:])
}

// CheckNonce refuses a nonce that is not 44 to 128 printable ASCII characters.
// The error is an *Error with nonce_length.
func CheckNonce(nonce string) error {
	if n := len(nonce); n < MinNonceLength || n > MaxNonceLength {
		return refuse(ReasonNonceLength, &NonceError{n, -1})
	}
	for i := range len(nonce) {
		if c := nonce[i]; c <= ' ' || c > '~' {
			return refuse(ReasonNonceLength, &NonceError{len(nonce), i})
		}
	}
	return nil
}

// decodeBase64 accepts padded standard base64 in its canonical form only (RFC 4648, 4
// and 3.5). Even the standard library's strict decoder skips line ends.
func decodeBase64(text string) ([]byte, error) {
	switch {
	case text == "":
		return nil, errors.New("empty")
	case strings.ContainsAny(text, "\r\n"):
		return nil, errors.New("not canonical base64")
	}
	return strictBase64.DecodeString(text)
}

var strictBase64 = base64.StdEncoding.Strict()
