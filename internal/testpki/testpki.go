// Package testpki says which names are those of a test PKI: the IGC-Santé marks
// the certificates of its test cards, and of their authorities, by a common name
// that begins with TEST, or by the unit "IGC-SANTE TEST". The demonstration's own
// PKI does the same.
//
// A name is a hint to people and a reason to refuse, never one to trust: whoever
// issues a certificate writes what they like. Its functions may be called
// concurrently.
package testpki

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"slices"
	"strings"
)

// What says it, and where (X.520: commonName and organizationalUnitName).
const (
	Prefix = "TEST " // of a common name
	Unit   = "IGC-SANTE TEST"

	oidCommonName = "2.5.4.3"
	oidUnit       = "2.5.4.11"
)

// Says reports whether an attribute of a name says it, in whatever letter case.
// oid is dotted.
func Says(oid, value string) bool {
	value = strings.ToUpper(value)
	return oid == oidCommonName && strings.HasPrefix(value, Prefix) || oid == oidUnit && value == Unit
}

// ChainSays reports whether a name anywhere in the chain says it.
func ChainSays(chain []*x509.Certificate) bool {
	return slices.ContainsFunc(chain, func(c *x509.Certificate) bool { return nameSays(c.Subject) || nameSays(c.Issuer) })
}

func nameSays(name pkix.Name) bool {
	return slices.ContainsFunc(name.Names, func(a pkix.AttributeTypeAndValue) bool {
		value, ok := a.Value.(string)
		return ok && Says(a.Type.String(), value)
	})
}
