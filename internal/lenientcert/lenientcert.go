// Package lenientcert reads of a certificate what a person may be shown, where the
// standard library refuses it: some issuers make a serial that is negative, an @ in
// a PrintableString, an extension twice.
//
// It is for display alone. What it returns has no key and was checked by nobody:
// nothing may be signed, trusted or refused by it. Its functions may be called
// concurrently; they never panic, whatever they are given, and take time in
// proportion to its length.
package lenientcert

import (
	"crypto/x509"
	"math/big"
)

// The tags of X.680 that are read here, and RFC 5280's [3] of the extensions.
const (
	tagBoolean         = 0x01
	tagInteger         = 0x02
	tagOctetString     = 0x04
	tagOID             = 0x06
	tagUTF8String      = 0x0c
	tagNumericString   = 0x12
	tagPrintableString = 0x13
	tagT61String       = 0x14
	tagIA5String       = 0x16
	tagUTCTime         = 0x17
	tagGeneralizedTime = 0x18
	tagVisibleString   = 0x1a
	tagUniversalString = 0x1c
	tagBMPString       = 0x1e
	tagSequence        = 0x30
	tagSet             = 0x31
	tagVersion         = 0xa0
	tagExtensions      = 0xa3
)

// Read returns what can be shown: Raw, RawSubject and RawIssuer with their texts in
// UTF-8, SerialNumber, NotBefore, NotAfter, Policies, IsCA. What of it cannot be
// read stays empty. ok is false where it has not the form of a certificate.
func Read(der []byte) (c *x509.Certificate, ok bool) {
	const most = 1 << 20 // octets; certificates have a few thousand
	whole, rest, ok := next(der, tagSequence)
	if !ok || len(rest) > 0 || len(der) > most {
		return nil, false
	}
	body, _, ok := next(whole.content, tagSequence)
	if !ok {
		return nil, false
	}
	c = &x509.Certificate{Raw: der, SerialNumber: new(big.Int)}
	in := body.content
	extended := false
	if version, rest, ok := next(in, tagVersion); ok {
		in, extended = rest, hasExtensions(version.content)
	}
	var parts [5]element // serial, algorithm, issuer, validity, subject
	for i, tag := range [...]byte{tagInteger, tagSequence, tagSequence, tagSequence, tagSequence} {
		if parts[i], in, ok = next(in, tag); !ok {
			return nil, false
		}
	}
	c.SerialNumber.SetBytes(parts[0].content)
	c.RawIssuer, c.RawSubject = name(parts[2].content), name(parts[4].content)
	c.NotBefore, c.NotAfter = validity(parts[3].content)
	for len(in) > 0 {
		var e element
		if e, in, ok = next(in, 0); !ok {
			break
		}
		if e.tag == tagExtensions && extended {
			extensions(c, e.content)
		}
	}
	return c, true
}

// hasExtensions reports whether a certificate of this version may have extensions
// (RFC 5280, 4.1.2.9): version 3, and whatever the library refuses to take for a version.
// What stands in earlier ones it passes over, and so a card would be shown as of a kind
// that no portal sees in it.
func hasExtensions(version []byte) bool {
	number, _, ok := next(version, tagInteger)
	early := ok && len(number.content) == 1 && number.content[0] < 2
	return !early
}

const (
	basicConstraints    = "\x55\x1d\x13" // 2.5.29.19
	certificatePolicies = "\x55\x1d\x20" // 2.5.29.32
)

func extensions(c *x509.Certificate, in []byte) {
	list, _, _ := next(in, tagSequence)
	for in := list.content; len(in) > 0; {
		var e element
		var ok bool
		if e, in, ok = next(in, tagSequence); !ok {
			return
		}
		oid, rest, ok := next(e.content, tagOID)
		if !ok {
			continue
		}
		if _, after, critical := next(rest, tagBoolean); critical {
			rest = after
		}
		value, _, ok := next(rest, tagOctetString)
		if !ok {
			continue
		}
		switch string(oid.content) {
		case basicConstraints:
			fields, _, _ := next(value.content, tagSequence)
			ca, _, ok := next(fields.content, tagBoolean)
			c.IsCA = c.IsCA || ok && len(ca.content) == 1 && ca.content[0] != 0
		case certificatePolicies:
			policies(c, value.content)
		}
	}
}

func policies(c *x509.Certificate, in []byte) {
	list, _, _ := next(in, tagSequence)
	for in := list.content; len(in) > 0; {
		var e element
		var ok bool
		if e, in, ok = next(in, tagSequence); !ok {
			return
		}
		oid, _, ok := next(e.content, tagOID)
		var policy x509.OID
		if ok && policy.UnmarshalBinary(oid.content) == nil {
			c.Policies = append(c.Policies, policy)
		}
	}
}
