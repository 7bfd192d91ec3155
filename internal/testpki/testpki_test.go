package testpki

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"testing"
)

func TestSays(t *testing.T) {
	const cn, ou, o, sn = "2.5.4.3", "2.5.4.11", "2.5.4.10", "2.5.4.4"
	for attribute, want := range map[[2]string]bool{
		{cn, "TEST AC IGC-SANTE FORT PERSONNES"}: true,
		{cn, "test ac racine"}:                   true,
		{ou, "IGC-SANTE TEST"}:                   true,
		{ou, "igc-sante test"}:                   true,
		{cn, "TESTARD"}:                          false, // a person
		{cn, "AC TEST "}:                         false,
		{cn, "TEST"}:                             false,
		{cn, ""}:                                 false,
		{ou, "IGC-SANTE"}:                        false,
		{ou, "TEST IGC-SANTE TEST"}:              false,
		{cn, "IGC-SANTE TEST"}:                   false,
		{o, "TEST "}:                             false,
		{o, "IGC-SANTE TEST"}:                    false,
		{sn, "TEST DUPONT"}:                      false,
	} {
		if got := Says(attribute[0], attribute[1]); got != want {
			t.Errorf("%q: %v", attribute, got)
		}
	}
}

// Either name of any certificate of the chain gives a test PKI away, in whatever
// RDN it stands.
func TestChainSays(t *testing.T) {
	for _, c := range []struct {
		name pkix.Name
		want bool
	}{
		{pkix.Name{CommonName: "TEST AC IGC-SANTE FORT PERSONNES"}, true},
		{pkix.Name{CommonName: "AC IGC-SANTE", OrganizationalUnit: []string{"0002 187512751", "IGC-SANTE TEST"}}, true},
		{pkix.Name{CommonName: "AC IGC-SANTE FORT PERSONNES", OrganizationalUnit: []string{"0002 187512751", "IGC-SANTE"}}, false},
		{pkix.Name{CommonName: "TESTARD", Organization: []string{"TEST "}}, false},
	} {
		rdns := c.name.ToRDNSequence()
		var parsed pkix.Name
		parsed.FillFromRDNSequence(&rdns)
		issuer, subject := &x509.Certificate{Issuer: parsed}, &x509.Certificate{Subject: parsed}
		for _, cert := range []*x509.Certificate{issuer, subject} {
			if got := ChainSays([]*x509.Certificate{{}, cert}); got != c.want {
				t.Errorf("%s: %v", c.name, got)
			}
		}
	}
	if ChainSays(nil) {
		t.Error("no chain")
	}
	odd := pkix.Name{Names: []pkix.AttributeTypeAndValue{{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: 7}}}
	if ChainSays([]*x509.Certificate{{Subject: odd}}) {
		t.Error("what is no text")
	}
}
