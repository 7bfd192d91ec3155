package cps

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/testpki"
	"github.com/cpx-bridge/cpx-bridge/internal/visible"
)

// Rules hold what depends on the PKI that issued a card.
type Rules struct {
	// KindByPolicy maps a certificate policy, dotted, to a kind of card: CPS,
	// CPF, CPE, CPA.
	KindByPolicy map[string]string
}

// DefaultRules are the rules for real cards. They know no policy yet: the kind
// stays empty unless the site sets rules of its own.
func DefaultRules() Rules { return Rules{KindByPolicy: map[string]string{}} }

// DemoRules are the rules for demonstration cards, whose policies are in the arc
// reserved for examples (ITU-T X.660, 2.999).
func DemoRules() Rules {
	return Rules{KindByPolicy: map[string]string{
		"2.999.20.0": "CPS", "2.999.20.1": "CPF", "2.999.20.2": "CPE", "2.999.20.3": "CPA",
	}}
}

// Attribute is one attribute of the subject, in the certificate's order.
type Attribute struct {
	OID  string // dotted
	Name string // the short name of RFC 4519 or X.520, else the OID
	// Value is the text, or the DER in hex of a value that is not a string.
	Value string
}

// Person is whom a certificate names. Fields that it does not state are empty.
type Person struct {
	Identifier     string // the whole CN, as written: the key of an account
	IdentifierKind IdentifierKind
	RPPSValid      bool   // the identifier is an RPPS number with its right check digit
	Surname        string // SN
	GivenName      string // GN
	Profession     string // title
	Kind           string // CPS, CPF, CPE, CPA, or empty where the rules do not say
	Test           bool   // whether a name in the certificate marks a test PKI
	Structure      string // O
	StructureID    string // OU
	Pseudonym      string // of an unnamed card
	Attributes     []Attribute
}

// Parse reads a certificate. It omits what cannot be read: of a subject malformed
// part-way it returns what precedes the fault. For a nil certificate the Person is
// empty.
func Parse(cert *x509.Certificate, rules Rules) Person {
	if cert == nil {
		return Person{}
	}
	p := Person{Attributes: parseName(cert.RawSubject)}
	for _, field := range []struct {
		to  *string
		oid string
	}{
		{&p.Identifier, oidCommonName}, {&p.Surname, oidSurname}, {&p.GivenName, oidGivenName},
		{&p.Profession, oidTitle}, {&p.Structure, oidOrganization}, {&p.StructureID, oidUnit},
		{&p.Pseudonym, oidPseudonym},
	} {
		*field.to = first(p.Attributes, field.oid)
	}
	p.IdentifierKind = kindOfIdentifier(p.Identifier)
	p.RPPSValid = p.IdentifierKind == IdentifierRPPS && validRPPS(p.Identifier)
	for _, policy := range cert.Policies {
		if kind := rules.KindByPolicy[policy.String()]; kind != "" {
			p.Kind = kind
			break
		}
	}
	p.Test = saysTest(p.Attributes) || saysTest(parseName(cert.RawIssuer))
	return p
}

// Named reports whether the card is a person's; a service card names nobody.
func (p Person) Named() bool { return p.Surname != "" || p.GivenName != "" }

// DisplayName returns what to call the person: given name and surname, else the
// pseudonym, else the identifier. It is safe to show, as Visible makes it.
func (p Person) DisplayName() string {
	if name := strings.TrimSpace(p.GivenName + " " + p.Surname); name != "" {
		return Visible(name)
	}
	if p.Pseudonym != "" {
		return Visible(p.Pseudonym)
	}
	return Visible(p.Identifier)
}

// Visible makes a text of a certificate safe to show: control characters, direction marks,
// characters of no width and piled accents become U+FFFD, and of a very long text the middle
// is left out. A site shows every field of a Person through it, escapes the result as
// its page needs, and keeps and compares the field itself.
func Visible(text string) string { return visible.Short(text, maxVisible) }

// maxVisible is longer than what any card states.
const maxVisible = 200

const (
	oidCommonName   = "2.5.4.3"
	oidSurname      = "2.5.4.4"
	oidOrganization = "2.5.4.10"
	oidUnit         = "2.5.4.11"
	oidTitle        = "2.5.4.12"
	oidGivenName    = "2.5.4.42"
	oidPseudonym    = "2.5.4.65"
)

var names = map[string]string{
	oidCommonName: "CN", oidSurname: "SN", "2.5.4.5": "serialNumber", "2.5.4.6": "C", "2.5.4.7": "L",
	"2.5.4.8": "ST", "2.5.4.9": "street", oidOrganization: "O", oidUnit: "OU", oidTitle: "title",
	"2.5.4.17": "postalCode", oidGivenName: "GN", "2.5.4.43": "initials", "2.5.4.46": "dnQualifier",
	oidPseudonym: "pseudonym", "2.5.4.97": "organizationIdentifier",
	"0.9.2342.19200300.100.1.1": "UID", "0.9.2342.19200300.100.1.25": "DC", "1.2.840.113549.1.9.1": "emailAddress",
}

func first(attributes []Attribute, oid string) string {
	i := slices.IndexFunc(attributes, func(a Attribute) bool { return a.OID == oid })
	if i < 0 {
		return ""
	}
	return attributes[i].Value
}

func saysTest(attributes []Attribute) bool {
	return slices.ContainsFunc(attributes, func(a Attribute) bool { return testpki.Says(a.OID, a.Value) })
}

// parseName reads every attribute of every RDN (X.501 section 9.2): a person's
// RDN on these cards has several. It goes step by step rather than with one
// Unmarshal, so that a fault loses only what follows it in its RDN or, between
// RDNs, in the name.
func parseName(der []byte) []Attribute {
	var attributes []Attribute
	var sequence asn1.RawValue
	if _, err := asn1.Unmarshal(der, &sequence); err != nil || sequence.Tag != asn1.TagSequence {
		return nil
	}
	for rest := sequence.Bytes; len(rest) > 0; {
		var set asn1.RawValue
		var err error
		if rest, err = asn1.Unmarshal(rest, &set); err != nil {
			break
		}
		for in := set.Bytes; len(in) > 0; {
			var raw struct {
				Type  asn1.ObjectIdentifier
				Value asn1.RawValue
			}
			if in, err = asn1.Unmarshal(in, &raw); err != nil {
				break
			}
			attributes = append(attributes, newAttribute(raw.Type, raw.Value))
		}
	}
	return attributes
}

func newAttribute(oid asn1.ObjectIdentifier, value asn1.RawValue) Attribute {
	a := Attribute{OID: oid.String(), Value: hex.EncodeToString(value.FullBytes)}
	if a.Name = names[a.OID]; a.Name == "" {
		a.Name = a.OID
	}
	// The library decodes every string type of X.520 through an attribute's
	// interface value; a value that is not a string stays in hex.
	var decoded pkix.AttributeTypeAndValue
	der, err := asn1.Marshal(struct {
		Type  asn1.ObjectIdentifier
		Value asn1.RawValue
	}{oid, value})
	if err != nil {
		return a
	}
	if _, err := asn1.Unmarshal(der, &decoded); err != nil {
		return a
	}
	if text, ok := decoded.Value.(string); ok {
		a.Value = text
	}
	return a
}

// String formats an attribute as NAME=value, for logs and consoles.
func (a Attribute) String() string { return fmt.Sprintf("%s=%s", a.Name, a.Value) }
