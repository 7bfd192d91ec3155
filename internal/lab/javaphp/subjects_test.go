package javaphp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"path/filepath"
	"strings"
	"testing"
	"time"

	p11 "github.com/miekg/pkcs11"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/democard"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/badcerts"
)

// cards makes every demonstration card and reads the certificates off them.
func cards(t *testing.T) map[string]*x509.Certificate {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("SOFTHSM2_CONF", filepath.Join(dir, "softhsm2.conf"))
	made, err := democard.Make(dir, democard.Names(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	module := p11.New(made[0].Module)
	if err := module.Initialize(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := module.Finalize(); err != nil {
			t.Error(err)
		}
		module.Destroy()
	})
	slots, err := module.GetSlotList(true)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]*x509.Certificate{}
	for _, slot := range slots {
		token, err := module.GetTokenInfo(slot)
		if err != nil {
			t.Fatal(err)
		}
		for _, card := range made {
			if token.Label != card.Label {
				continue
			}
			for _, der := range certificatesOf(t, module, slot) {
				certificate, err := x509.ParseCertificate(der)
				if err != nil {
					t.Fatal(err)
				}
				found[card.Name+" "+certificate.Policies[0].String()] = certificate
			}
		}
	}
	for _, card := range made {
		if !hasPrefix(found, card.Name+" ") {
			t.Fatalf("no certificate was read off the card %s", card.Name)
		}
	}
	return found
}

func hasPrefix(found map[string]*x509.Certificate, prefix string) bool {
	for name := range found {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

func certificatesOf(t *testing.T, module *p11.Ctx, slot uint) (all [][]byte) {
	t.Helper()
	session, err := module.OpenSession(slot, p11.CKF_SERIAL_SESSION)
	if err != nil {
		t.Fatal(err)
	}
	if err := module.FindObjectsInit(session, []*p11.Attribute{p11.NewAttribute(p11.CKA_CLASS, p11.CKO_CERTIFICATE)}); err != nil {
		t.Fatal(err)
	}
	objects, _, err := module.FindObjects(session, 10)
	if err != nil {
		t.Fatal(err)
	}
	if err := module.FindObjectsFinal(session); err != nil {
		t.Fatal(err)
	}
	for _, object := range objects {
		attributes, err := module.GetAttributeValue(session, object, []*p11.Attribute{p11.NewAttribute(p11.CKA_VALUE, nil)})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, attributes[0].Value)
	}
	return all
}

// holders are people whose names end where another's syntax would begin.
func holders() map[string]demopki.Holder {
	all := map[string]demopki.Holder{
		"accents":          {Identifier: "899700070001", Surname: "TEST-D’ÉPREUVE", GivenName: "ÉLOÏSE ŒUVRE", Profession: "Médecin"},
		"beyond the BMP":   {Identifier: "899700070002", Surname: "TEST 𝒟", GivenName: "𐍈"},
		"commas":           {Identifier: "1,2", Surname: "TEST, CN=OTHER", GivenName: "A,B", Profession: "a,b"},
		"plus":             {Identifier: "1+CN=2", Surname: "TEST+SN=OTHER", GivenName: "A+B"},
		"slashes":          {Identifier: "3760021832/000000018", Surname: "TEST/CN=OTHER", GivenName: "A/B"},
		"equals":           {Identifier: "CN=CN=1", Surname: "SN=TEST", GivenName: "="},
		"quotes":           {Identifier: `"1"`, Surname: `TEST "A" 'B'`, GivenName: `"`},
		"backslashes":      {Identifier: `\`, Surname: `TEST\2C\`, GivenName: `\\,`},
		"hash":             {Identifier: "#0c0131", Surname: "#TEST", GivenName: "##"},
		"angle, semicolon": {Identifier: "<1>;2", Surname: "TEST<a>;b", GivenName: ";"},
		"blanks":           {Identifier: "  1  2  ", Surname: " TEST ", GivenName: "\u00a0A\u00a0"},
		"line ends":        {Identifier: "1\r\n", Surname: "\nTEST\n", GivenName: "A\r\nB\t"},
		"a blank":          {Identifier: " ", Surname: "TEST", GivenName: " "},
		"decomposed":       {Identifier: "899700070003", Surname: "TEST-E\u0301", GivenName: "\u0301"},
		"case":             {Identifier: "abCD", Surname: "tEst", GivenName: "iİıI"},
		"percent":          {Identifier: "%31%00", Surname: "TEST &amp; ${x}", GivenName: "<b>"},
		"long":             {Identifier: "8" + strings.Repeat("9", 200), Surname: "TEST" + strings.Repeat("É", 3000), GivenName: strings.Repeat("A", 70000)},
		"surname alone":    {Identifier: "899700070004", Surname: "TEST"},
		"pseudonym":        demopki.NewUnnamedHolder(7),
		"structure":        {Identifier: "899700070005", Surname: "TEST", GivenName: "A", Structure: "ÉTABLISSEMENT, TEST + \"1\"", StructureID: "10B0307377"},
	}
	for name, hostile := range badcerts.Hostile() {
		all[name] = demopki.Holder{Identifier: hostile, Surname: hostile, GivenName: hostile + "2", Profession: hostile}
	}
	return all
}

// attribute is one of a subject, as its certificate encodes it.
type attribute struct {
	Type  asn1.ObjectIdentifier
	Value asn1.RawValue
}

func stringOf(tag int, last int, value string) attribute {
	return attribute{asn1.ObjectIdentifier{2, 5, 4, last}, asn1.RawValue{Tag: tag, Bytes: []byte(value)}}
}

type rdnSET []attribute

// subjects are names in other encodings and other orders than the demonstration's.
func subjects() map[string][]rdnSET {
	const cn, sn, gn, title = 3, 4, 42, 12
	utf8 := func(last int, value string) attribute { return stringOf(asn1.TagUTF8String, last, value) }
	return map[string][]rdnSET{
		"single-valued":      {{utf8(cn, "899700070001")}, {utf8(sn, "TEST")}, {utf8(gn, "CAMILLE")}},
		"as a CPS has it":    {{stringOf(asn1.TagPrintableString, 6, "FR")}, {utf8(title, "Pharmacien")}, {utf8(gn, "CAROLE"), utf8(sn, "TESTPHARMACH0007512"), utf8(cn, "899700075122")}},
		"PrintableString":    {{stringOf(asn1.TagPrintableString, cn, "899700070001"), stringOf(asn1.TagPrintableString, gn, "CAMILLE")}},
		"IA5, numeric":       {{stringOf(asn1.TagNumericString, cn, "8997 1"), stringOf(asn1.TagIA5String, gn, "A@B")}},
		"BMPString":          {{stringOf(asn1.TagBMPString, sn, "\x00T\x00\xc9\x20\x19"), utf8(cn, "1")}},
		"T61String":          {{stringOf(asn1.TagT61String, sn, "TEST"), utf8(cn, "1")}},
		"twice in one RDN":   {{utf8(cn, "1"), utf8(cn, "2"), utf8(sn, "TEST")}},
		"twice in two RDNs":  {{utf8(cn, "2"), utf8(sn, "TEST")}, {utf8(cn, "1")}, {utf8(sn, "OTHER")}},
		"an empty CN":        {{utf8(cn, ""), utf8(sn, "TEST")}},
		"no CN":              {{utf8(sn, "TEST"), utf8(gn, "A")}},
		"unknown attributes": {{{asn1.ObjectIdentifier{1, 2, 250, 1, 999}, asn1.RawValue{Tag: asn1.TagUTF8String, Bytes: []byte("CN=9")}}, utf8(cn, "1")}, {{asn1.ObjectIdentifier{2, 999, 1}, asn1.RawValue{Tag: asn1.TagUTF8String, Bytes: []byte("2")}}}},
	}
}

// issued are the certificates of those people and names.
func issued(t *testing.T) map[string]*x509.Certificate {
	t.Helper()
	pki, err := demopki.New(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*x509.Certificate{}
	for name, holder := range holders() {
		leaf := demopki.Leaf{Holder: holder, NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour), PublicKey: key.Public()}
		if all["holder: "+name], err = pki.Intermediate.Issue(leaf); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	for name, subject := range subjects() {
		raw, err := asn1.Marshal(subject)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		template := &x509.Certificate{SerialNumber: pki.Root.Cert.SerialNumber, RawSubject: raw, NotAfter: time.Now().Add(time.Hour)}
		der, err := x509.CreateCertificate(rand.Reader, template, pki.Intermediate.Cert, key.Public(), pki.Intermediate.Key)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if all["subject: "+name], err = x509.ParseCertificate(der); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	return all
}
