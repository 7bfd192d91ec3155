package revocation

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"math/big"
	"slices"
)

var (
	oidNumber       = asn1.ObjectIdentifier{2, 5, 29, 20}
	oidDelta        = asn1.ObjectIdentifier{2, 5, 29, 27}
	oidIssuingPoint = asn1.ObjectIdentifier{2, 5, 29, 28}
	oidAuthorityKey = asn1.ObjectIdentifier{2, 5, 29, 35}
	oidIssuerName   = asn1.ObjectIdentifier{2, 5, 29, 18}
)

// scope is which certificates a list is for, as its issuing distribution point says
// (RFC 5280, 5.2.5).
type scope struct {
	raw              []byte // the extension, in DER; a delta's is the same
	names            [][]byte
	onlyCA, onlyUser bool
}

type issuingPoint struct {
	Name      pointName      `asn1:"optional,tag:0"`
	OnlyUser  bool           `asn1:"optional,tag:1"`
	OnlyCA    bool           `asn1:"optional,tag:2"`
	Reasons   asn1.BitString `asn1:"optional,tag:3"`
	Indirect  bool           `asn1:"optional,tag:4"`
	Attribute bool           `asn1:"optional,tag:5"`
}

// readExtensions reads what the list says of itself, and refuses what is not understood.
func (l *list) readExtensions(parsed *x509.RevocationList, delta bool) error {
	for i, e := range parsed.Extensions {
		if slices.ContainsFunc(parsed.Extensions[:i], func(o pkixExtension) bool { return o.Id.Equal(e.Id) }) {
			return refuse(ReasonNotAList, "%s is there twice", e.Id)
		}
		var err error
		switch {
		case e.Id.Equal(oidDelta):
			l.base = new(big.Int)
			var rest []byte
			if rest, err = asn1.Unmarshal(e.Value, &l.base); len(rest) > 0 || err != nil {
				return refuse(ReasonNotAList, "its number of the complete list cannot be read")
			}
		case e.Id.Equal(oidIssuingPoint):
			l.scope, err = readScope(e.Value)
		case e.Id.Equal(oidFreshest):
			addresses, _, _ := readPoint(bytes.Clone(e.Value))
			l.freshest = addresses
		case e.Id.Equal(oidNumber), e.Id.Equal(oidAuthorityKey), e.Id.Equal(oidIssuerName):
		case e.Critical:
			return refuse(ReasonCriticalExtension, "it has %s, which is not understood", e.Id)
		}
		if err != nil {
			return err
		}
	}
	switch {
	case l.base != nil && !delta:
		return refuse(ReasonDelta, "a delta list where the complete one is to be")
	case l.base == nil && delta:
		return refuse(ReasonDelta, "a complete list where a delta is to be")
	case delta && l.number == nil:
		return refuse(ReasonDelta, "a delta list without a number")
	}
	return nil
}

func readScope(value []byte) (scope, error) {
	var p issuingPoint
	if rest, err := asn1.Unmarshal(value, &p); err != nil || len(rest) > 0 {
		return scope{}, refuse(ReasonNotAList, "its issuing distribution point cannot be read")
	}
	switch {
	case p.Indirect:
		return scope{}, refuse(ReasonIndirect, "the list has certificates of other issuers")
	case p.Reasons.BitLength > 0:
		return scope{}, refuse(ReasonSomeReasons, "the list has revocations for some reasons alone")
	case p.Attribute:
		return scope{}, refuse(ReasonScope, "the list is of attribute certificates")
	case p.OnlyCA && p.OnlyUser:
		return scope{}, refuse(ReasonScope, "the list is of no certificate")
	case len(p.Name.Relative) > 0:
		return scope{}, refuse(ReasonScope, "the list's name is relative to its issuer")
	}
	s := scope{raw: bytes.Clone(value), onlyCA: p.OnlyCA, onlyUser: p.OnlyUser}
	for _, name := range p.Name.Full {
		s.names = append(s.names, bytes.Clone(name.FullBytes))
	}
	return s, nil
}

// covers says whether the certificate, with these points, is one of those that the list
// is for. A partition must be one that the certificate names (RFC 5280, 6.3.3, b 2).
func (s *scope) covers(cert *x509.Certificate, p *points) error {
	switch ca := cert.BasicConstraintsValid && cert.IsCA; {
	case s.onlyCA && !ca:
		return refuse(ReasonScope, "the list is of authorities alone")
	case s.onlyUser && ca:
		return refuse(ReasonScope, "the list has no authorities")
	}
	if len(s.names) == 0 {
		return nil
	}
	for _, name := range s.names {
		if slices.ContainsFunc(p.names, func(other []byte) bool { return bytes.Equal(name, other) }) {
			return nil
		}
	}
	return refuse(ReasonScope, "the list is a part that the certificate does not name")
}

// fits says whether the delta adds to the complete list (RFC 5280, 5.2.4).
func (l *list) fits(complete *list) error {
	switch {
	case complete.number == nil:
		return refuse(ReasonDelta, "the complete list has no number")
	case !bytes.Equal(l.rawIssuer, complete.rawIssuer), !bytes.Equal(l.signer.RawSubjectPublicKeyInfo, complete.signer.RawSubjectPublicKeyInfo):
		return refuse(ReasonDelta, "it is signed with another key than the complete list")
	case !bytes.Equal(l.scope.raw, complete.scope.raw):
		return refuse(ReasonDelta, "it is of other certificates than the complete list")
	case complete.number.Cmp(l.base) < 0:
		return refuse(ReasonDelta, "it adds to number %s, and the complete list is %s", l.base, complete.number)
	case l.number.Cmp(complete.number) < 0:
		return refuse(ReasonDelta, "it is older than the complete list")
	}
	return nil
}
