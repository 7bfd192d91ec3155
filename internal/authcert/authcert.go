// Package authcert defines what an authentication certificate is: for the agent,
// which asks for a PIN for no other, for the token, and for the sites that verify
// it.
//
// It goes by key usage and extended key usage (RFC 5280, 4.2.1.3 and 4.2.1.12),
// never by labels, as the Web eID validators do: digitalSignature is required, and
// clientAuth where there is any extended key usage; anyExtendedKeyUsage does not
// replace it. In one point it is stricter than they are: cards also carry a
// signature certificate, which has digitalSignature too, and is refused for its
// nonRepudiation.
//
// Its functions may be called concurrently. It never checks validity, issuer,
// policies or revocation.
package authcert

import (
	"crypto/x509"
	"errors"
	"slices"
)

// Why a certificate is not for authentication.
var (
	ErrAuthority        = errors.New("a certificate authority's certificate")
	ErrKeyUsage         = errors.New("no digitalSignature")
	ErrSignature        = errors.New("nonRepudiation: a signature certificate")
	ErrExtendedKeyUsage = errors.New("no clientAuth")
)

// Check returns nil for an authentication certificate, else one of the errors.
func Check(c *x509.Certificate) error {
	switch {
	case c.IsCA:
		return ErrAuthority
	case c.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		return ErrKeyUsage
	case c.KeyUsage&x509.KeyUsageContentCommitment != 0:
		return ErrSignature
	case HasExtendedKeyUsage(c) && !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageClientAuth):
		return ErrExtendedKeyUsage
	}
	return nil
}

// HasExtendedKeyUsage reports whether the certificate names any at all.
func HasExtendedKeyUsage(c *x509.Certificate) bool {
	return len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) > 0
}
