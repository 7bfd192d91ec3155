// Package badcerts issues certificates as some issuers make them and the standard
// library refuses them: signed, for a key of the caller's. OpenSSL reads all but
// two. What it leaves out the library takes: a T61String, a validity without
// seconds or with an offset from UTC.
//
// Its functions may be called concurrently. Every name says TEST.
package badcerts

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"fmt"
	"slices"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
)

// Case is one such certificate.
type Case struct {
	Name string
	DER  []byte
	// Holder is whom it names, for people to read.
	Holder string
	// OpenSSL says whether OpenSSL reads it.
	OpenSSL bool
}

// The universal tags of X.680 that the standard library has no names for.
const tagUniversalString = 28

var (
	oidCountry      = asn1.ObjectIdentifier{2, 5, 4, 6}
	oidCommonName   = asn1.ObjectIdentifier{2, 5, 4, 3}
	oidSurname      = asn1.ObjectIdentifier{2, 5, 4, 4}
	oidTitle        = asn1.ObjectIdentifier{2, 5, 4, 12}
	oidGivenName    = asn1.ObjectIdentifier{2, 5, 4, 42}
	oidEmailAddress = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}
	oidAltName      = asn1.ObjectIdentifier{2, 5, 29, 17}
)

// tbs is a TBSCertificate of version 3 (RFC 5280, 4.1) as raw parts.
type tbs struct {
	Version    asn1.RawValue
	Serial     asn1.RawValue
	Algorithm  asn1.RawValue
	Issuer     asn1.RawValue
	Validity   asn1.RawValue
	Subject    asn1.RawValue
	Key        asn1.RawValue
	Extensions asn1.RawValue
}

type certificate struct {
	TBS       asn1.RawValue
	Algorithm asn1.RawValue
	Signature asn1.BitString
}

func raw(class, tag int, compound bool, content []byte) asn1.RawValue {
	return asn1.RawValue{Class: class, Tag: tag, IsCompound: compound, Bytes: content}
}

func text(tag int, s string) asn1.RawValue {
	return raw(asn1.ClassUniversal, tag, false, []byte(s))
}

func must(v any) []byte {
	der, err := asn1.Marshal(v)
	if err != nil {
		panic(err) // of literals below
	}
	return der
}

func attribute(oid asn1.ObjectIdentifier, value asn1.RawValue) []byte {
	return must(struct {
		Type  asn1.ObjectIdentifier
		Value asn1.RawValue
	}{oid, value})
}

// subject names TEST people as cards do: one RDN with several attributes.
func subject(surname, givenName asn1.RawValue, more ...[]byte) asn1.RawValue {
	set := func(parts ...[]byte) []byte {
		return must(raw(asn1.ClassUniversal, asn1.TagSet, true, slices.Concat(parts...)))
	}
	parts := [][]byte{
		set(attribute(oidCountry, text(asn1.TagPrintableString, "FR"))),
		set(attribute(oidTitle, text(asn1.TagUTF8String, "Pharmacien"))),
		set(attribute(oidCommonName, text(asn1.TagPrintableString, "899700000001")), attribute(oidSurname, surname), attribute(oidGivenName, givenName)),
	}
	for _, x := range more {
		parts = append(parts, set(x))
	}
	return raw(asn1.ClassUniversal, asn1.TagSequence, true, slices.Concat(parts...))
}

func extension(oid asn1.ObjectIdentifier, critical []byte, value []byte) []byte {
	parts := must(oid)
	if critical != nil {
		parts = append(parts, must(raw(asn1.ClassUniversal, asn1.TagBoolean, false, critical))...)
	}
	parts = append(parts, must(raw(asn1.ClassUniversal, asn1.TagOctetString, false, value))...)
	return must(raw(asn1.ClassUniversal, asn1.TagSequence, true, parts))
}

// altName is a subjectAltName with one name, by its tag (RFC 5280, 4.2.1.6).
func altName(tag int, value string) []byte {
	name := must(raw(asn1.ClassContextSpecific, tag, false, []byte(value)))
	return extension(oidAltName, nil, must(raw(asn1.ClassUniversal, asn1.TagSequence, true, name)))
}

// utf32 is a UniversalString's content.
func utf32(s string) string {
	var b []byte
	for _, r := range s {
		b = append(b, byte(r>>24), byte(r>>16), byte(r>>8), byte(r))
	}
	return string(b)
}

// extend adds an extension to those that there are.
func extend(t *tbs, more ...[]byte) {
	var list asn1.RawValue
	if _, err := asn1.Unmarshal(t.Extensions.Bytes, &list); err != nil {
		panic(err)
	}
	list = raw(asn1.ClassUniversal, asn1.TagSequence, true, slices.Concat(append([][]byte{list.Bytes}, more...)...))
	t.Extensions = raw(asn1.ClassContextSpecific, 3, true, must(list))
}

const (
	surname = "TEST DURAND"
	first   = "Anne"
	holder  = first + " " + surname

	needlessZero = "serial with a needless zero"
	badUTF8      = "Latin-1 in a UTF8String"
)

var plain = text(asn1.TagUTF8String, first)

var kinds = []struct {
	name, holder string
	change       func(*tbs)
}{
	{"negative serial", holder, func(t *tbs) { t.Serial = raw(asn1.ClassUniversal, asn1.TagInteger, false, []byte{0x9a, 1, 2, 3}) }},
	{needlessZero, holder, func(t *tbs) { t.Serial = raw(asn1.ClassUniversal, asn1.TagInteger, false, []byte{0, 0, 1, 2}) }},
	{"_ in a PrintableString", "Anne TEST_DURAND", func(t *tbs) { t.Subject = subject(text(asn1.TagPrintableString, "TEST_DURAND"), plain) }},
	{"@ in a PrintableString", "Anne TEST@DURAND", func(t *tbs) { t.Subject = subject(text(asn1.TagPrintableString, "TEST@DURAND"), plain) }},
	{"Latin-1 in a PrintableString", "Hélène TEST DURAND", func(t *tbs) {
		t.Subject = subject(text(asn1.TagPrintableString, surname), text(asn1.TagPrintableString, "H\xe9l\xe8ne"))
	}},
	{badUTF8, "Hélène TEST DURAND", func(t *tbs) {
		t.Subject = subject(text(asn1.TagUTF8String, surname), text(asn1.TagUTF8String, "H\xe9l\xe8ne"))
	}},
	{"UniversalString", "Hélène TEST DURAND", func(t *tbs) {
		t.Subject = subject(text(tagUniversalString, utf32(surname)), text(tagUniversalString, utf32("Hélène")))
	}},
	{"accents in emailAddress", holder, func(t *tbs) {
		t.Subject = subject(text(asn1.TagUTF8String, surname), plain, attribute(oidEmailAddress, text(asn1.TagIA5String, "hélène@test.example")))
	}},
	{"accents in rfc822Name", holder, func(t *tbs) { extend(t, altName(1, "hélène@test.example")) }},
	{"accents in a URI", holder, func(t *tbs) { extend(t, altName(6, "http://test.example/hélène")) }},
	{"space in a URI", holder, func(t *tbs) { extend(t, altName(6, "http://test example/")) }},
	{"IP address of five octets", holder, func(t *tbs) { extend(t, altName(7, "12345")) }},
	{"extension twice", holder, func(t *tbs) { extend(t, altName(1, "a@test.example"), altName(1, "b@test.example")) }},
	{"BOOLEAN 01", holder, func(t *tbs) {
		extend(t, extension(asn1.ObjectIdentifier{2, 999, 1}, []byte{1}, []byte{5, 0}))
	}},
}

// All are the cases, issued by the authority for the key.
func All(a *demopki.Authority, key crypto.PublicKey) ([]Case, error) {
	now := time.Now()
	base, err := a.Issue(demopki.Leaf{Holder: demopki.NewHolder("CPS", 1), NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(3, 0, 0), PublicKey: key})
	if err != nil {
		return nil, err
	}
	var all []Case
	for _, k := range kinds {
		var t tbs
		if _, err := asn1.Unmarshal(base.RawTBSCertificate, &t); err != nil {
			return nil, fmt.Errorf("badcerts: %w", err)
		}
		t.Subject = subject(text(asn1.TagUTF8String, surname), plain)
		k.change(&t)
		der, err := sign(a, t)
		if err != nil {
			return nil, fmt.Errorf("badcerts: %s: %w", k.name, err)
		}
		all = append(all, Case{k.name, der, k.holder, k.name != needlessZero && k.name != badUTF8})
	}
	return all, nil
}

// sign signs with RSA and SHA-256, as the demonstration's authorities do.
func sign(a *demopki.Authority, t tbs) ([]byte, error) {
	body, err := asn1.Marshal(t)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	signature, err := a.Key.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(certificate{asn1.RawValue{FullBytes: body}, t.Algorithm, asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}})
}
