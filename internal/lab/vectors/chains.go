package main

import (
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"time"
)

func extension(id asn1.ObjectIdentifier, critical bool, value []byte) pkix.Extension {
	return pkix.Extension{Id: id, Critical: critical, Value: value}
}

// anchors is why the official validators look at less than a chain.
const anchors = "each configured authority is an anchor, and nothing above it is looked at"

func (b *builder) validity() {
	b.kind = "validity"
	key := b.p256.Public()
	between := func(from, to time.Time) change {
		return func(c *x509.Certificate) { c.NotBefore, c.NotAfter = from, to }
	}
	card := func(from, to time.Time) token { return b.of(b.card(b.middle, key, between(from, to))) }
	year := 365 * 24 * time.Hour
	b.add("ended a second ago", "", "expired").token(card(now.Add(-year), now.Add(-time.Second)))
	b.add("ended long ago", "", "expired").token(card(now.Add(-2*year), now.Add(-year)))
	b.add("begins in a second", "", "not_yet_valid").token(card(now.Add(time.Second), now.Add(year)))
	b.add("its first second", "both ends belong to it (RFC 5280, 4.1.2.5)", "accepted").token(card(now, now.Add(year)))
	b.add("its last second", "both ends belong to it (RFC 5280, 4.1.2.5)", "accepted").token(card(now.Add(-year), now))
	issuer := func(name string, from, to time.Time) *authority {
		return b.ca(name, "AC "+name, b.root, nil, between(from, to))
	}
	for _, i := range []struct {
		name     string
		from, to time.Time
	}{{"issuer ended", now.Add(-2 * year), now.Add(-time.Second)}, {"issuer begins", now.Add(time.Second), now.Add(year)}} {
		a := issuer(i.name, i.from, i.to)
		b.add(i.name, "every certificate of the chain is valid", "untrusted_ca").token(b.of(b.card(a, key))).under(b.root, a)
	}
	old := b.ca("root ended", "AC racine ancienne", nil, nil, between(now.Add(-2*year), now.Add(-time.Second)))
	a := b.ca("below root ended", "AC sous racine ancienne", old, nil)
	b.add("root ended", "the root too", "untrusted_ca").token(b.of(b.card(a, key))).under(old, a).official(anchors, "java", "php")
}

func (b *builder) chain() {
	b.kind = "chain"
	key := b.p256.Public()
	good := b.es256()
	const untrusted, bad = "untrusted_ca", "issuer_not_allowed"
	b.add("no intermediate", "the token brings none, and the site has none", untrusted).token(good).trust(func(t *Trust) { t.Intermediates = []string{} })
	other := b.ca("other root", "AC racine autre", nil, nil)
	b.add("another root", "another authority's", untrusted).token(good).trust(func(t *Trust) { t.Roots = []string{other.name} }).official(anchors, "java", "php")
	alike := b.ca("lookalike root", "AC racine", nil, nil)
	b.add("lookalike root", "the same name, another key", untrusted).token(good).trust(func(t *Trust) { t.Roots = []string{alike.name} }).official(anchors, "java", "php")
	twin := b.ca("lookalike root with the key's identifier", "AC racine", nil, nil, func(c *x509.Certificate) { c.SubjectKeyId = b.root.cert.SubjectKeyId })
	b.add("lookalike root with the key's identifier", "the same name and identifier, another key", untrusted).token(good).trust(func(t *Trust) { t.Roots = []string{twin.name} }).official(anchors, "java", "php")
	fake := b.ca("lookalike intermediate", "AC intermediaire", alike, nil)
	b.add("lookalike intermediate", "a card of an authority with the name of the real one", untrusted).token(b.of(b.card(fake, key)))
	self := &authority{"", b.card(b.middle, key), b.p256}
	b.add("self-signed", "issued by itself", untrusted).token(b.of(create(self.cert, nil, key, b.p256)))
	person := &authority{"", b.card(b.middle, key), b.p256}
	b.add("issued by a card", "a card's certificate issues none", untrusted).token(b.of(b.card(person, key, func(c *x509.Certificate) { c.Subject.CommonName = "899700075999" })))

	issuer := func(name string, parent *authority, changes ...change) *authority {
		return b.ca(name, "AC "+name, parent, nil, changes...)
	}
	try := func(name, about, outcome string, chain ...*authority) entry {
		return b.add(name, about, outcome).token(b.of(b.card(chain[len(chain)-1], key))).under(chain...)
	}
	r := b.root
	a := issuer("no authority", r, func(c *x509.Certificate) { c.IsCA, c.MaxPathLen = false, 0 })
	try("issuer that is no authority", "basic constraints without cA", untrusted, r, a)
	a = issuer("no certificates", r, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign })
	try("issuer that may not sign certificates", "key usage without keyCertSign", untrusted, r, a)
	a = issuer("path length", r, func(c *x509.Certificate) { c.MaxPathLen, c.MaxPathLenZero = 0, true })
	try("path length", "0, and an authority below", bad, r, a, issuer("beyond path length", a)).official(anchors, "java", "php")
	try("path length kept", "0, and the card below", "accepted", r, a)
	chain := []*authority{r}
	for _, name := range []string{"1 of 5", "2 of 5", "3 of 5", "4 of 5", "5 of 5"} {
		chain = append(chain, issuer(name, chain[len(chain)-1]))
		if name == "4 of 5" {
			try("as long as may be", "six certificates", "accepted", chain...)
		}
	}
	try("too long", "seven certificates", bad, chain...).official("its length is not bounded", "java", "php", "dotnet")

	usage := func(u ...x509.ExtKeyUsage) change { return func(c *x509.Certificate) { c.ExtKeyUsage = u } }
	nested := "extended key usage of an authority is not looked at"
	try("issuer for clients", "extended key usage nests", "accepted", r, issuer("clients", r, usage(x509.ExtKeyUsageClientAuth)))
	try("issuer for mail", "extended key usage nests", bad, r, issuer("mail", r, usage(x509.ExtKeyUsageEmailProtection))).official(nested, "java", "php")
	try("issuer for servers", "extended key usage nests", bad, r, issuer("servers", r, usage(x509.ExtKeyUsageServerAuth))).official(nested, "java", "php")

	states := func(dotted ...string) change { return func(c *x509.Certificate) { c.Policies = oids(dotted...) } }
	noPolicies := "policies of an authority are not asked for"
	try("issuer of the policy", "", "accepted", r, issuer("of the policy", r, states(policy)))
	try("issuer of any policy", "", "accepted", r, issuer("of any policy", r, states(anyPolicy)))
	try("issuer of another policy", "a policy that its issuer does not have", bad, r, issuer("of another policy", r, states(otherPolicy))).official(noPolicies, "java", "php", "dotnet")
	inhibits := issuer("inhibits any", r, states(policy), func(c *x509.Certificate) {
		c.ExtraExtensions = append(c.ExtraExtensions, extension(asn1.ObjectIdentifier{2, 5, 29, 54}, true, []byte{2, 1, 0}))
	})
	try("any policy where it is inhibited", "RFC 5280, 4.2.1.14", bad, r, inhibits, issuer("any, inhibited", inhibits, states(anyPolicy))).official(anchors, "java", "php")
	try("strict, and no policy", "the site requires that issuers state policies", bad, r, b.middle).trust(func(t *Trust) { t.StrictPolicies = true }).official(noPolicies, "java", "php", "dotnet")

	dns := issuer("names", r, func(c *x509.Certificate) {
		c.PermittedDNSDomainsCritical, c.PermittedDNSDomains = true, []string{"allowed.example"}
	})
	b.add("name that the issuer may not give", "name constraints (RFC 5280, 4.2.1.10)", bad).token(b.of(b.card(dns, key, func(c *x509.Certificate) { c.DNSNames = []string{"other.example"} }))).under(r, dns).official(anchors, "java", "php")
	subjects := issuer("subjects", r, func(c *x509.Certificate) {
		name := must(asn1.Marshal(pkix.Name{Country: []string{"DE"}}.ToRDNSequence()))
		tree := must(asn1.Marshal([]asn1.RawValue{{FullBytes: must(asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 4, IsCompound: true, Bytes: name}))}}))
		value := must(asn1.Marshal([]asn1.RawValue{{FullBytes: must(asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: tree}))}}))
		c.ExtraExtensions = append(c.ExtraExtensions, extension(asn1.ObjectIdentifier{2, 5, 29, 30}, false, value))
	})
	try("subject that the issuer may not give", "constraints on subjects, not critical: a verifier that does not compare them refuses", bad, r, subjects).official(anchors, "java", "php")

	weak := b.ca("weak issuer", "AC faible", r, rsaKey(1024, 65537, "weak issuer"))
	try("weak issuer", "an authority's RSA key of 1024 bits", bad, r, weak).official("keys are not measured by it", "java", "php")
	small := b.ca("small exponent", "AC exposant 3", r, rsaKey(2048, 3, "exponent 3"))
	try("issuer with a small exponent", "an authority's RSA exponent of 3", bad, r, small).official("exponents are not measured", "java", "php", "dotnet")
	curve := b.ca("P-224 issuer", "AC P-224", r, ecKey(elliptic.P224(), "P-224 issuer"))
	try("issuer on P-224", "a curve of no algorithm of the token", bad, r, curve)
	sha1 := b.card(b.middle, key, func(c *x509.Certificate) { c.Subject.Locality = []string{"SHA-1"} })
	b.add("signed with SHA-1", "by the issuer", untrusted).token(b.of(withSHA1(sha1, b.middle)))
}

func (b *builder) crossSigned() {
	b.kind = "cross-signing"
	key := b.p256.Public()
	other := b.ca("second root", "AC racine seconde", nil, nil)
	shared := ecKey(elliptic.P256(), "cross-signed")
	cross := func(name string, parent *authority, changes ...change) *authority {
		return b.ca(name, "AC croisee", parent, shared, changes...)
	}
	byFirst, bySecond := cross("crossed by the first", b.root), cross("crossed by the second", other)
	card := b.of(b.card(byFirst, key))
	b.add("by both roots, one trusted", "one chain is enough", "accepted").token(card).under(b.root, byFirst, bySecond)
	b.add("by both roots, both trusted", "", "accepted").token(card).under(b.root, byFirst, bySecond).trust(func(t *Trust) { t.Roots = []string{"root", other.name} })
	b.add("by a root that is not trusted", "the chain that there is", "untrusted_ca").token(card).under(b.root, bySecond).official(anchors, "java", "php")
	old := cross("crossed, ended", b.root, func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Second) })
	b.add("one ended, one valid", "", "accepted").token(card).under(b.root, old, byFirst)
	b.add("all ended", "", "untrusted_ca").token(card).under(b.root, old)
	mail := cross("crossed for mail", b.root, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection} })
	b.add("one for mail, one for all", "the chain that allows it", "accepted").token(card).under(b.root, mail, byFirst)
	policed := cross("crossed for another policy", b.root, func(c *x509.Certificate) { c.Policies = oids(otherPolicy) })
	b.add("one for another policy, one for all", "the chain that allows it", "accepted").token(card).under(b.root, policed, byFirst)
	b.add("none allows it", "one for mail, one for another policy", "issuer_not_allowed").token(card).under(b.root, mail, policed).official("neither is looked at", "java", "php")
	renewed := b.ca("renewed", "AC croisee", b.root, ecKey(elliptic.P256(), "renewed"))
	b.add("renewed authority, old card", "one name, two keys", "accepted").token(card).under(b.root, renewed, byFirst)
	b.add("renewed authority, new card", "one name, two keys", "accepted").token(b.of(b.card(renewed, key))).under(b.root, byFirst, renewed)
	loop := ecKey(elliptic.P256(), "loop")
	one := b.ca("loop one", "AC boucle", nil, loop)
	two := b.ca("loop two", "AC croisee", one, shared)
	three := b.ca("loop three", "AC boucle", byFirst, loop)
	b.add("a loop", "two authorities that issued each other, and no root", "untrusted_ca").token(card).under(b.root, two, three).official(anchors, "java", "php")
}

func (b *builder) keys() {
	b.kind = "keys"
	try := func(name, about, outcome string, key *rsa.PrivateKey) entry {
		return b.add(name, about, outcome).token(makeToken(b.card(b.middle, key.Public()), "RS256", key, origin, nonce))
	}
	const weak = "weak_key"
	try("RSA-1024", "RFC 7518, 3.3: 2048 bits or more", weak, rsaKey(1024, 65537, "card 1024")).official("keys are not measured by it", "php")
	try("RSA-2047", "a bit less", weak, rsaKey(2047, 65537, "card 2047")).official("keys are not measured by it", "php")
	try("exponent 3", "FIPS 186-5, A.1.1: more than 65536", weak, rsaKey(2048, 3, "card exponent 3")).official("exponents are not measured", "java", "php", "dotnet")
	try("exponent 17", "FIPS 186-5, A.1.1: more than 65536", weak, rsaKey(2048, 17, "card exponent 17")).official("exponents are not measured", "java", "php", "dotnet")
	b.add("RSA-2048 where the site wants 3072", "a site may require more", weak).token(b.rs256()).trust(func(t *Trust) { t.MinRSABits = 3072 }).official("the site cannot say so", "java", "php", "dotnet")
	// No signature is made with it: its size alone refuses it.
	modulus := make([]byte, 2048)
	(&stream{seed: "huge"}).Read(modulus)
	modulus[0], modulus[2047] = 0x80, modulus[2047]|1
	huge := &rsa.PublicKey{N: new(big.Int).SetBytes(modulus), E: 65537}
	b.add("RSA-16384", "a verification whose time grows with the square of the size", "algorithm_refused").token(b.changed(b.rs256(), func(t *token) {
		t.Certificate, t.Signature = b64(b.card(b.middle, huge).Raw), b64(modulus)
	}))
}

func (b *builder) testCards() {
	b.kind = "test-cards"
	const refused = "test_card_refused"
	why := "test authorities are authorities like others: do not configure them"
	b.add("not accepted", "a test card at a site that accepts none", refused).token(b.es256()).trust(func(t *Trust) { t.AcceptTestCards = false }).official(why, "java", "php", "dotnet")
	b.add("in a group of real cards", "a name in the chain says TEST, and the group is one of real cards", refused).token(b.es256()).trust(func(t *Trust) { t.TestGroup = false }).official(why, "java", "php", "dotnet")
}

func (b *builder) revocation() {
	b.kind = "revocation"
	serial := func(c *x509.Certificate) string { return c.SerialNumber.Text(16) }
	b.add("revoked", "the card", "revoked").token(b.es256()).trust(func(t *Trust) { t.Revoked = []string{serial(b.p256Card)} })
	b.add("issuer revoked", "the intermediate authority", "revoked").token(b.es256()).trust(func(t *Trust) { t.Revoked = []string{serial(b.middle.cert)} }).official("the card's certificate alone is asked about (later versions ask about authorities too)", "java", "php", "dotnet")
	b.add("not known", "no list and no answer: a verifier fails closed", "revocation_unknown").token(b.es256()).trust(func(t *Trust) { t.Unknown = []string{serial(b.p256Card)} })
	b.add("another card's", "", "accepted").token(b.es256()).trust(func(t *Trust) { t.Revoked = []string{serial(b.rsaCard)} })
}

// withSHA1 signs a certificate anew as ECDSAWithSHA1, which crypto/x509 does not make.
func withSHA1(c *x509.Certificate, issuer *authority) *x509.Certificate {
	var parts struct {
		TBS       asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}
	must(asn1.Unmarshal(c.Raw, &parts))
	old := must(asn1.Marshal(asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}))
	sha1 := must(asn1.Marshal(asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 1}))
	tbs := resized(parts.TBS.FullBytes, old, sha1)
	parts.TBS = asn1.RawValue{FullBytes: tbs}
	parts.Algorithm.Algorithm = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 1}
	parts.Signature = bits(must(issuer.key.Sign(nil, sha1Sum(tbs), hashSHA1)))
	return &x509.Certificate{Raw: must(asn1.Marshal(parts)), PublicKey: c.PublicKey}
}
