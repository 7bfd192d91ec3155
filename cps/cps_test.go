package cps

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/fuzzing"
)

var oids = map[string]asn1.ObjectIdentifier{
	"CN": {2, 5, 4, 3}, "SN": {2, 5, 4, 4}, "C": {2, 5, 4, 6}, "L": {2, 5, 4, 7}, "ST": {2, 5, 4, 8},
	"O": {2, 5, 4, 10}, "OU": {2, 5, 4, 11}, "title": {2, 5, 4, 12}, "GN": {2, 5, 4, 42}, "pseudonym": {2, 5, 4, 65},
}

// subject encodes a name: each RDN is pairs of short name and value.
func subject(t testing.TB, rdns ...[]string) []byte {
	t.Helper()
	var name pkix.RDNSequence
	for _, rdn := range rdns {
		var set pkix.RelativeDistinguishedNameSET
		for i := 0; i < len(rdn); i += 2 {
			set = append(set, pkix.AttributeTypeAndValue{Type: oids[rdn[i]], Value: rdn[i+1]})
		}
		name = append(name, set)
	}
	der, err := asn1.Marshal(name)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestParseSubjectsSeen(t *testing.T) {
	for _, c := range []struct {
		name       string
		subject    []byte
		want       Person
		named      bool
		display    string
		attributes int
	}{
		{
			"CPS, one RDN of several",
			subject(t, []string{"C", "FR"}, []string{"title", "Pharmacien"},
				[]string{"CN", "899700075122", "SN", "PHARMACH0007512", "GN", "CAROLE"}),
			Person{
				Identifier: "899700075122", IdentifierKind: IdentifierRPPS, RPPSValid: true,
				Surname: "PHARMACH0007512", GivenName: "CAROLE", Profession: "Pharmacien",
			}, true, "CAROLE PHARMACH0007512", 5,
		},
		{
			"unnamed staff card",
			subject(t, []string{"C", "FR"}, []string{"ST", "Paris (75)"}, []string{"O", "PHARMACIE TEST"},
				[]string{"OU", "1760021832"}, []string{"title", "Carte de service santé ou social"},
				[]string{"pseudonym", "EMPLOYE000000018"}, []string{"CN", "3760021832/000000018"}),
			Person{
				Identifier: "3760021832/000000018", IdentifierKind: IdentifierFINESS, Profession: "Carte de service santé ou social",
				Structure: "PHARMACIE TEST", StructureID: "1760021832", Pseudonym: "EMPLOYE000000018",
			}, false, "EMPLOYE000000018", 7,
		},
		{
			"old CPA",
			subject(t, []string{"C", "FR"}, []string{"O", "TEST"}, []string{"L", "Paris (75)"}, []string{"OU", "300000000029751"},
				[]string{"CN", "500000000029751/CPAT0001", "SN", "AGENT", "GN", "PATRICE"}),
			Person{
				Identifier: "500000000029751/CPAT0001", IdentifierKind: IdentifierSIRET, Surname: "AGENT", GivenName: "PATRICE",
				Structure: "TEST", StructureID: "300000000029751",
			}, true, "PATRICE AGENT", 7,
		},
		{
			"FINESS with a letter, nothing else",
			subject(t, []string{"CN", "310B0307377"}),
			Person{Identifier: "310B0307377", IdentifierKind: IdentifierFINESS}, false, "310B0307377", 1,
		},
		{
			"RPPS with a wrong check digit is kept",
			subject(t, []string{"CN", "899700075123"}),
			Person{Identifier: "899700075123", IdentifierKind: IdentifierRPPS}, false, "899700075123", 1,
		},
		{
			"test PKI's unit",
			subject(t, []string{"OU", "IGC-SANTE TEST"}),
			Person{StructureID: "IGC-SANTE TEST", Test: true}, false, "", 1,
		},
		{"empty", nil, Person{}, false, "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Parse(&x509.Certificate{RawSubject: c.subject}, DefaultRules())
			if len(got.Attributes) != c.attributes {
				t.Errorf("%d attributes, want %d: %v", len(got.Attributes), c.attributes, got.Attributes)
			}
			if got.Named() != c.named || got.DisplayName() != c.display {
				t.Errorf("named %v, display %q", got.Named(), got.DisplayName())
			}
			got.Attributes = nil
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

func TestParseDemonstrationCards(t *testing.T) {
	now := time.Now()
	pki, err := demopki.New(now)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"CPS", "CPF", "CPE", "CPA"} {
		holder := demopki.NewHolder(kind, 3)
		cert, err := pki.Intermediate.Issue(demopki.Leaf{
			Holder: holder, NotBefore: now, NotAfter: now.Add(time.Hour), PublicKey: key.Public(),
		})
		if err != nil {
			t.Fatal(err)
		}
		p := Parse(cert, DemoRules())
		if p.Kind != kind || !p.Test || p.Identifier != holder.Identifier || p.Surname != holder.Surname ||
			p.GivenName != holder.GivenName || p.Profession != holder.Profession {
			t.Errorf("%s: %+v", kind, p)
		}
		if p.RPPSValid != (kind == "CPS") {
			t.Errorf("%s: RPPSValid %v for %s", kind, p.RPPSValid, p.Identifier)
		}
		if got := Parse(cert, DefaultRules()).Kind; got != "" {
			t.Errorf("%s: the default rules say %q", kind, got)
		}
	}
}

func TestIdentifierKinds(t *testing.T) {
	for first, want := range map[string]IdentifierKind{
		"0": IdentifierADELI, "1": IdentifierCabinet, "2": IdentifierDRASS, "3": IdentifierFINESS, "4": IdentifierSIREN,
		"5": IdentifierSIRET, "6": IdentifierCabinetRPPS, "7": IdentifierUnknown, "8": IdentifierRPPS,
		"9": IdentifierStudent, "A": IdentifierUnknown,
	} {
		if got := kindOfIdentifier(first + "12345"); got != want {
			t.Errorf("%s: %q, want %q", first, got, want)
		}
	}
}

func TestValidRPPS(t *testing.T) {
	for identifier, want := range map[string]bool{
		"899700075122": true, "899700075121": false, "99700075122": false, "999700075122": false,
		"8997000751220": false, "89970007512A": false, "": false,
	} {
		if got := validRPPS(identifier); got != want {
			t.Errorf("%q: %v", identifier, got)
		}
	}
}

// A value that is not a string is shown in hex; what precedes a fault is read.
func TestParseOddSubjects(t *testing.T) {
	odd, err := asn1.Marshal(pkix.RDNSequence{{{Type: oids["CN"], Value: "8"}}, {{Type: asn1.ObjectIdentifier{2, 999, 1}, Value: 5}}})
	if err != nil {
		t.Fatal(err)
	}
	want := []Attribute{{"2.5.4.3", "CN", "8"}, {"2.999.1", "2.999.1", "020105"}}
	if got := Parse(&x509.Certificate{RawSubject: odd}, Rules{}).Attributes; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
	// SEQUENCE { SET { SEQUENCE { CN, "8" } }, a broken SET }
	broken, err := hex.DecodeString("3010" + "310a3008" + "0603550403" + "130138" + "31ff0000")
	if err != nil {
		t.Fatal(err)
	}
	if got := Parse(&x509.Certificate{RawSubject: broken}, Rules{}).Identifier; got != "8" {
		t.Errorf("identifier %q before the fault", got)
	}
	// SEQUENCE { SET { NULL }, SET { SEQUENCE { CN, "8" } } }
	if broken, err = hex.DecodeString("3010" + "31020500" + "310a3008" + "0603550403" + "130138"); err != nil {
		t.Fatal(err)
	}
	if got := Parse(&x509.Certificate{RawSubject: broken}, Rules{}).Identifier; got != "8" {
		t.Errorf("identifier %q after a fault inside an RDN", got)
	}
	if got := Parse(nil, Rules{}); !reflect.DeepEqual(got, Person{}) {
		t.Errorf("nil certificate: %+v", got)
	}
}

// FuzzParse: what is read of a name stands in it in the same order for another parser,
// and a number counts as a professional's only in the form that the register gives.
func FuzzParse(f *testing.F) {
	f.Add(subject(f, []string{"C", "FR"}, []string{"CN", "899700075122", "SN", "A", "GN", "B"}))
	f.Add(subject(f, []string{"pseudonym", "EMPLOYE000000018"}, []string{"CN", "3760021832/000000018"}))
	f.Add([]byte{0x30, 0x80, 0, 0})
	f.Fuzz(func(t *testing.T, der []byte) {
		var p Person
		if spent := fuzzing.Spent(func() { p = Parse(&x509.Certificate{RawSubject: der, RawIssuer: der}, DemoRules()) }); spent > fuzzing.Air+500*uint64(len(der)) {
			t.Errorf("%d bytes for a name of %d", spent, len(der))
		}
		for _, a := range p.Attributes {
			if a.OID == "" || a.Name == "" {
				t.Errorf("attribute %+v", a)
			}
		}
		if p.Identifier != "" && p.DisplayName() == "" && strings.TrimSpace(p.Identifier) != "" {
			t.Errorf("no display name for %+v", p)
		}
		if p.RPPSValid && (len(p.Identifier) != 12 || p.Identifier[0] != '8' || strings.Trim(p.Identifier, "0123456789") != "" || p.IdentifierKind != IdentifierRPPS) {
			t.Errorf("RPPS %q", p.Identifier)
		}
		var whole pkix.RDNSequence
		if rest, err := asn1.Unmarshal(der, &whole); err != nil || len(rest) > 0 {
			return // of which what precedes the fault is read
		}
		var other []string
		for _, set := range whole {
			for _, a := range set {
				if text, ok := a.Value.(string); ok {
					other = append(other, a.Type.String()+"="+text)
				}
			}
		}
		i := 0
		for _, a := range p.Attributes {
			if i < len(other) && a.OID+"="+a.Value == other[i] {
				i++
			}
		}
		if i < len(other) {
			t.Errorf("%+v lacks %q of %x", p.Attributes, other[i:], der)
		}
	})
}
