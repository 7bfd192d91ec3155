package authtoken

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
)

// authority is a CA made for one vector.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// ca is the template of one, below a root or itself a root.
func ca(name string, changes ...func(*x509.Certificate)) *x509.Certificate {
	c := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "TEST AC " + name},
		NotBefore: testNow.AddDate(-1, 0, 0), NotAfter: testNow.AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	for _, change := range changes {
		change(c)
	}
	return c
}

// issuedBy issues an authority; by itself where parent is nil.
func issuedBy(t testing.TB, parent *authority, template *x509.Certificate) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signedBy(t, parent, template, key)
}

func signedBy(t testing.TB, parent *authority, template *x509.Certificate, key *ecdsa.PrivateKey) *authority {
	t.Helper()
	if parent == nil {
		return &authority{create(t, template, template, key.Public(), key), key}
	}
	return &authority{create(t, template, parent.cert, key.Public(), parent.key), key}
}

func oids(t testing.TB, dotted ...string) []x509.OID {
	t.Helper()
	list, err := parseOIDs(dotted)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// card issues an authentication certificate for the fixture's P-256 key.
func (f *fixture) card(t testing.TB, issuer *authority, changes ...func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	c := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{Country: []string{"FR"}, CommonName: "899700075122"},
		NotBefore: testNow.AddDate(0, -1, 0), NotAfter: testNow.AddDate(0, 1, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		Policies: oids(t, demopki.PolicyAuthentication),
	}
	for _, change := range changes {
		change(c)
	}
	return create(t, c, issuer.cert, f.p256.Public(), issuer.key)
}

const (
	anyPolicyOID = "2.5.29.32.0"
	otherPolicy  = "2.999.10.9"
)

// What an issuer may not do, its certificates do not do either: each row is a chain of
// a root, issuers and a card, of which one thing is as no authority should have it.
func TestIssuers(t *testing.T) {
	f := getFixture(t)
	ekus := func(list ...x509.ExtKeyUsage) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.ExtKeyUsage = list }
	}
	states := func(dotted ...string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.Policies = oids(t, dotted...) }
	}
	const client, server, any, mail = x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageAny, x509.ExtKeyUsageEmailProtection
	logon := func(c *x509.Certificate) {
		c.UnknownExtKeyUsage = []asn1.ObjectIdentifier{{1, 3, 6, 1, 4, 1, 311, 20, 2, 2}}
	}
	strict := func(g *TrustGroup) { g.StrictPolicies = true }
	type changes = []func(*x509.Certificate)
	for _, c := range []struct {
		name    string
		issuers []changes // from the root down
		leaf    changes
		group   func(*TrustGroup)
		want    Reason // "" is accepted
	}{
		{name: "nothing stated", issuers: []changes{{}, {}}},
		{name: "nothing stated, two below the root", issuers: []changes{{}, {}, {}}},
		{name: "the root issues the card", issuers: []changes{{}}},

		{name: "issuer for clientAuth", issuers: []changes{{}, {ekus(client)}}},
		{name: "issuer for clientAuth among others", issuers: []changes{{}, {ekus(server, client), logon}}},
		{name: "issuer for any", issuers: []changes{{}, {ekus(any)}}},
		{name: "issuer for serverAuth", issuers: []changes{{}, {ekus(server)}}, want: ReasonIssuerNotAllowed},
		{name: "issuer for mail, the one above for clientAuth", issuers: []changes{{}, {ekus(client)}, {ekus(mail)}}, want: ReasonIssuerNotAllowed},
		{name: "issuer for clientAuth, the one above for mail", issuers: []changes{{}, {ekus(mail)}, {ekus(client)}}, want: ReasonIssuerNotAllowed},
		{name: "issuer for smart card logon alone", issuers: []changes{{}, {logon}}, want: ReasonIssuerNotAllowed},
		{name: "root for serverAuth", issuers: []changes{{ekus(server)}, {}}, want: ReasonIssuerNotAllowed},

		{name: "issuer states the accepted policy", issuers: []changes{{}, {states(demopki.PolicyAuthentication)}}},
		{name: "issuer states it among others", issuers: []changes{{}, {states(otherPolicy, demopki.PolicyAuthentication)}}},
		{name: "issuer states anyPolicy", issuers: []changes{{}, {states(anyPolicyOID)}}},
		{name: "issuer states another policy", issuers: []changes{{}, {states(otherPolicy)}}, want: ReasonIssuerNotAllowed},
		{name: "the upper issuer states another policy", issuers: []changes{{}, {states(otherPolicy)}, {states(demopki.PolicyAuthentication)}}, want: ReasonIssuerNotAllowed},
		{name: "the lower issuer states another policy", issuers: []changes{{}, {states(anyPolicyOID)}, {states(otherPolicy)}}, want: ReasonIssuerNotAllowed},
		{name: "a root's policies do not count", issuers: []changes{{states(otherPolicy)}, {}}},
		{name: "another policy where none is required", issuers: []changes{{}, {states(otherPolicy)}},
			group: func(g *TrustGroup) { g.RequiredPolicies = nil }},
		{name: "one of two accepted policies", issuers: []changes{{}, {states(otherPolicy)}},
			group: func(g *TrustGroup) { g.RequiredPolicies = append(g.RequiredPolicies, otherPolicy) }},

		{name: "strict, all state the policy", issuers: []changes{{}, {states(anyPolicyOID)}, {states(demopki.PolicyAuthentication)}}, group: strict},
		{name: "strict, no issuer below the root", issuers: []changes{{}}, group: strict},
		{name: "strict, issuer states none", issuers: []changes{{}, {}}, group: strict, want: ReasonIssuerNotAllowed},
		{name: "strict, the upper issuer states none", issuers: []changes{{}, {}, {states(anyPolicyOID)}}, group: strict, want: ReasonIssuerNotAllowed},

		{name: "anyPolicy where the issuer above inhibits it", issuers: []changes{{}, {states(anyPolicyOID), func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 54}, Critical: true, Value: []byte{2, 1, 0}}}
		}}, {states(anyPolicyOID)}}, want: ReasonIssuerNotAllowed},
		{name: "anyPolicy one below where the issuer above inhibits it after one", issuers: []changes{{}, {states(anyPolicyOID), func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 54}, Critical: true, Value: []byte{2, 1, 1}}}
		}}, {states(anyPolicyOID)}}},
		{name: "anyPolicy two below where the issuer above inhibits it after one", issuers: []changes{{}, {states(anyPolicyOID), func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 54}, Critical: true, Value: []byte{2, 1, 1}}}
		}}, {states(anyPolicyOID)}, {states(anyPolicyOID)}}, want: ReasonIssuerNotAllowed},
		{name: "explicit policies required, which an issuer does not state", issuers: []changes{{}, {func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 36}, Critical: true, Value: []byte{0x30, 3, 0x80, 1, 0}}}
		}}}, want: ReasonIssuerNotAllowed},

		{name: "explicit policies required, and the card's is not the one that its issuer maps to", issuers: []changes{{}, {
			states(demopki.PolicyAuthentication, otherPolicy), mapsAway(t),
		}}, leaf: changes{states(demopki.PolicyAuthentication, otherPolicy)}, want: ReasonIssuerNotAllowed},

		{name: "card for any alone", issuers: []changes{{}, {}}, leaf: changes{ekus(any)}, want: ReasonWrongExtendedKeyUsage},
		{name: "card without extended key usage, required", issuers: []changes{{}, {}}, leaf: changes{ekus()}, want: ReasonWrongExtendedKeyUsage},
		{name: "card without extended key usage, not required", issuers: []changes{{}, {}}, leaf: changes{ekus()},
			group: func(g *TrustGroup) { g.RequireEKU = false }},
		{name: "card without it, issuer for serverAuth", issuers: []changes{{}, {ekus(server)}}, leaf: changes{ekus()},
			group: func(g *TrustGroup) { g.RequireEKU = false }, want: ReasonIssuerNotAllowed},
		{name: "card of anyPolicy", issuers: []changes{{}, {states(anyPolicyOID)}}, leaf: changes{states(anyPolicyOID)}, want: ReasonMissingPolicy},
		{name: "card of anyPolicy and another", issuers: []changes{{}, {}}, leaf: changes{states(anyPolicyOID, otherPolicy)}, want: ReasonMissingPolicy},
		{name: "card of another policy, issuer of the accepted one", issuers: []changes{{}, {states(demopki.PolicyAuthentication)}},
			leaf: changes{states(otherPolicy)}, want: ReasonMissingPolicy},

		{name: "path length 0 and the card below", issuers: []changes{{}, {func(c *x509.Certificate) { c.MaxPathLenZero = true }}}},
		{name: "path length 0 and an issuer below", issuers: []changes{{}, {func(c *x509.Certificate) { c.MaxPathLenZero = true }}, {}}, want: ReasonIssuerNotAllowed},
		{name: "path length of the root", issuers: []changes{{func(c *x509.Certificate) { c.MaxPathLen = 1 }}, {}, {}}, want: ReasonIssuerNotAllowed},

		{name: "names permitted, the card has one", issuers: []changes{{}, {func(c *x509.Certificate) {
			c.PermittedEmailAddresses, c.PermittedDNSDomainsCritical = []string{"sante.example"}, true
		}}}, leaf: changes{func(c *x509.Certificate) { c.EmailAddresses = []string{"a@sante.example"} }}},
		{name: "names permitted, the card has another", issuers: []changes{{}, {func(c *x509.Certificate) {
			c.PermittedEmailAddresses, c.PermittedDNSDomainsCritical = []string{"sante.example"}, true
		}}}, leaf: changes{func(c *x509.Certificate) { c.EmailAddresses = []string{"a@autre.example"} }}, want: ReasonIssuerNotAllowed},
		{name: "names excluded two issuers above", issuers: []changes{{}, {func(c *x509.Certificate) {
			c.ExcludedEmailAddresses = []string{"autre.example"}
		}}, {}}, leaf: changes{func(c *x509.Certificate) { c.EmailAddresses = []string{"a@autre.example"} }}, want: ReasonIssuerNotAllowed},
		{name: "a subject permitted, critical", issuers: []changes{{}, {directoryName(t, 0, true, "Autre")}}, want: ReasonUntrustedCA},
		{name: "a subject permitted, not critical", issuers: []changes{{}, {directoryName(t, 0, false, "Autre")}}, want: ReasonIssuerNotAllowed},
		{name: "a subject excluded, not critical", issuers: []changes{{}, {directoryName(t, 1, false, "FR")}}, want: ReasonIssuerNotAllowed},

		{name: "issuer expired", issuers: []changes{{}, {func(c *x509.Certificate) { c.NotAfter = testNow.AddDate(0, 0, -1) }}}, want: ReasonUntrustedCA},
		{name: "issuer not yet valid", issuers: []changes{{}, {func(c *x509.Certificate) { c.NotBefore = testNow.AddDate(0, 0, 1) }}}, want: ReasonUntrustedCA},
		{name: "root expired", issuers: []changes{{func(c *x509.Certificate) { c.NotAfter = testNow.AddDate(0, 0, -1) }}, {}}, want: ReasonUntrustedCA},
		{name: "issuer that is no authority", issuers: []changes{{}, {func(c *x509.Certificate) { c.IsCA = false }}}, want: ReasonUntrustedCA},
		{name: "issuer that does not say so", issuers: []changes{{}, {func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = false, false }}}, want: ReasonUntrustedCA},
		{name: "issuer whose key may not issue", issuers: []changes{{}, {func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign }}}, want: ReasonUntrustedCA},
		{name: "SHA-1 over the card", issuers: []changes{{}, {}}, leaf: changes{func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA1 }}, want: ReasonUntrustedCA},
		{name: "SHA-1 over the issuer", issuers: []changes{{}, {func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA1 }}}, want: ReasonUntrustedCA},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := f.config()
			group := &config.Profile.TrustGroups[0]
			group.Intermediates = nil
			var issuer *authority
			for i, change := range c.issuers {
				issuer = issuedBy(t, issuer, ca(string(rune('A'+i)), change...))
				if i == 0 {
					group.Roots = []*x509.Certificate{issuer.cert}
				} else {
					group.Intermediates = append(group.Intermediates, issuer.cert)
				}
			}
			if c.group != nil {
				c.group(group)
			}
			f.checkVerdict(t, config, f.card(t, issuer, c.leaf...), len(c.issuers)+1, c.want)
		})
	}
}

// checkVerdict has a token of the certificate verified. links is how long the accepted
// chain is.
func (f *fixture) checkVerdict(t *testing.T, config Config, cert *x509.Certificate, links int, want Reason) {
	t.Helper()
	raw := encode(t, makeToken(t, cert, f.p256, "ES256", testOrigin, testNonce))
	got, err := verifier(t, config).Verify(t.Context(), raw, testNonce)
	if want != "" {
		wantReason(t, err, want)
		return
	}
	if err != nil || len(got.Chain) != links {
		t.Errorf("chain of %d, error %v; want one of %d", len(got.Chain), err, links)
	}
}

// mapsAway requires explicit policies, and gives the accepted one another OID below.
func mapsAway(t testing.TB) func(*x509.Certificate) {
	t.Helper()
	value, err := asn1.Marshal([]struct{ Issuer, Subject asn1.ObjectIdentifier }{{
		asn1.ObjectIdentifier{2, 999, 10, 1}, asn1.ObjectIdentifier{2, 999, 10, 8},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{
			{Id: asn1.ObjectIdentifier{2, 5, 29, 33}, Critical: true, Value: value},
			{Id: asn1.ObjectIdentifier{2, 5, 29, 36}, Critical: true, Value: []byte{0x30, 3, 0x80, 1, 0}},
		}
	}
}

// directoryName constrains subjects to, or from, those of a country. crypto/x509 knows
// no such constraint.
func directoryName(t testing.TB, tag int, critical bool, country string) func(*x509.Certificate) {
	t.Helper()
	name, err := asn1.Marshal(pkix.Name{Country: []string{country}}.ToRDNSequence())
	if err != nil {
		t.Fatal(err)
	}
	wrap := func(class, tag int, inner []byte) []byte {
		der, err := asn1.Marshal(asn1.RawValue{Class: class, Tag: tag, IsCompound: true, Bytes: inner})
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	subtree := wrap(asn1.ClassUniversal, asn1.TagSequence, wrap(asn1.ClassContextSpecific, 4, name))
	value := wrap(asn1.ClassUniversal, asn1.TagSequence, wrap(asn1.ClassContextSpecific, tag, subtree))
	return func(c *x509.Certificate) {
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{
			Id: asn1.ObjectIdentifier{2, 5, 29, 30}, Critical: critical, Value: value,
		})
	}
}

// One of an issuer's certificates is enough, where it has several for one key. Where none
// is, the refusal is as of one.
func TestCrossSignedIssuers(t *testing.T) {
	f := getFixture(t)
	mail := func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection} }
	other := func(c *x509.Certificate) { c.Policies = oids(t, otherPolicy) }
	old := func(c *x509.Certificate) { c.NotAfter = testNow.AddDate(0, 0, -1) }
	good := func(c *x509.Certificate) { c.Policies = oids(t, demopki.PolicyAuthentication) }
	for _, c := range []struct {
		name          string
		first, second func(*x509.Certificate)
		want          Reason
	}{
		{"both good", good, good, ""},
		{"one for mail", mail, good, ""},
		{"one of another policy", other, good, ""},
		{"one expired", old, good, ""},
		{"both for mail", mail, mail, ReasonIssuerNotAllowed},
		{"both of another policy", other, other, ReasonIssuerNotAllowed},
		{"one for mail, one of another policy", mail, other, ReasonIssuerNotAllowed},
		{"one expired, one of another policy", old, other, ReasonIssuerNotAllowed},
		{"one expired, one for mail", old, mail, ReasonIssuerNotAllowed},
	} {
		for _, swapped := range []bool{false, true} {
			t.Run(c.name+map[bool]string{true: ", swapped"}[swapped], func(t *testing.T) {
				rootA, rootB := issuedBy(t, nil, ca("A")), issuedBy(t, nil, ca("B"))
				one := issuedBy(t, rootA, ca("C", c.first))
				two := signedBy(t, rootB, ca("C", c.second), one.key)
				config := f.config()
				group := &config.Profile.TrustGroups[0]
				group.Roots = []*x509.Certificate{rootA.cert, rootB.cert}
				group.Intermediates = []*x509.Certificate{one.cert, two.cert}
				if swapped {
					group.Intermediates = []*x509.Certificate{two.cert, one.cert}
				}
				f.checkVerdict(t, config, f.card(t, one), 3, c.want)
			})
		}
	}
}

// An issuer whose key can be broken issues nothing, whatever the card's own key is.
func TestWeakIssuer(t *testing.T) {
	f := getFixture(t)
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	root := issuedBy(t, nil, ca("A"))
	template := ca("B")
	issuer := create(t, template, root.cert, weak.Public(), root.key)
	model := f.card(t, root)
	model.SignatureAlgorithm = x509.UnknownSignatureAlgorithm
	config := f.config()
	config.Profile.TrustGroups[0].Roots = []*x509.Certificate{root.cert}
	config.Profile.TrustGroups[0].Intermediates = []*x509.Certificate{issuer}
	f.checkVerdict(t, config, create(t, model, issuer, f.p256.Public(), weak), 0, ReasonIssuerNotAllowed)
}
