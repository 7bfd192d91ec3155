package main

import (
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"math/big"
	"strings"
)

// spare sets a bit that the last group of a padded text leaves unused.
func spare(text string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	i := strings.IndexByte(text, '=') - 1
	return text[:i] + string(alphabet[strings.IndexByte(alphabet, text[i])|1]) + text[i+1:]
}

// spellings are of a padded base64 text, each the same bytes for a lenient reader.
func (b *builder) spellings(text string) []struct{ name, text string } {
	if !strings.HasSuffix(text, "=") || !strings.ContainsAny(text, "+/") {
		panic("a text that these variants cannot be made of")
	}
	return []struct{ name, text string }{
		{"unpadded", strings.TrimRight(text, "=")},
		{"padded too much", text + "="},
		{"line end", text + "\n"},
		{"lines", text[:64] + "\r\n" + text[64:]},
		{"space before", " " + text},
		{"space within", text[:10] + " " + text[10:]},
		{"URL alphabet", strings.NewReplacer("+", "-", "/", "_").Replace(text)},
		{"URL alphabet, unpadded", strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(text), "=")},
		{"spare bits set", spare(text)},
		{"sign of no alphabet", text[:10] + "*" + text[10:]},
		{"NUL at the end", text + "\x00"},
		{"empty", ""},
	}
}

func (b *builder) base64() {
	b.kind = "base64"
	t := b.es256()
	for _, v := range b.spellings(t.Signature) {
		e := b.add("signature, "+v.name, "padded standard base64 in its one form", "bad_signature").token(b.changed(t, func(t *token) { t.Signature = v.text }))
		switch v.name {
		case "unpadded", "spare bits set":
			e.official("its decoder takes it", "java", "php")
		case "padded too much", "line end", "lines", "space before", "space within", "sign of no alphabet", "NUL at the end":
			e.official("its decoder passes over what is not of the alphabet", "php")
		case "URL alphabet", "URL alphabet, unpadded":
			e.official("it decodes signatures as base64url", "dotnet")
		}
	}
	// A certificate whose text ends in padding.
	card := b.p256Card
	for filler := 1; len(card.Raw)%3 == 0 || !strings.ContainsAny(b64(card.Raw), "+/"); filler++ {
		card = b.card(b.middle, b.p256.Public(), func(c *x509.Certificate) { c.Subject.Locality = []string{strings.Repeat("x", filler)} })
	}
	t = b.of(card)
	for _, v := range b.spellings(t.Certificate) {
		e := b.add("certificate, "+v.name, "padded standard base64 in its one form", "malformed_certificate").token(b.changed(t, func(t *token) { t.Certificate = v.text }))
		if v.name == "unpadded" || v.name == "spare bits set" {
			e.official("its decoder takes it", "java")
		}
	}
}

func (b *builder) certificate() {
	b.kind = "certificate"
	t := b.es256()
	with := func(der []byte) token { return b.changed(t, func(t *token) { t.Certificate = b64(der) }) }
	der := b.p256Card.Raw
	other := b.card(b.middle, ecKey(elliptic.P256(), "another card").Public())
	b.add("another card's", "the certificate of another person, of the same kind", "bad_signature").token(with(other.Raw))
	b.add("another kind's", "a certificate whose key the algorithm is not for", "algorithm_refused").token(with(b.rsaCard.Raw))
	b.add("more after it", "a byte after the certificate", "malformed_certificate").token(with(append(append([]byte{}, der...), 0))).official("what stands after the certificate is not read", "java")
	b.add("two", "two certificates", "malformed_certificate").token(with(append(append([]byte{}, der...), other.Raw...))).official("what stands after the certificate is not read", "java")
	b.add("cut", "a byte less", "malformed_certificate").token(with(der[:len(der)-1]))
	b.add("no DER", "a text", "malformed_certificate").token(with([]byte("certificate")))
	b.add("PEM", "the text form, in base64", "malformed_certificate").token(with([]byte("-----BEGIN CERTIFICATE-----\n"+b64(der)+"\n-----END CERTIFICATE-----\n"))).official("its reader of certificates takes PEM too", "java")
	b.add("a public key", "a key without a certificate", "malformed_certificate").token(with(must(x509.MarshalPKIXPublicKey(b.p256.Public()))))
	changed := append([]byte{}, der...)
	changed[len(changed)-1] ^= 1
	b.add("issuer's signature changed", "one bit", "untrusted_ca").token(with(changed))
	changed = []byte(strings.Replace(string(der), "Camille", "Camilla", 1))
	b.add("name changed", "one letter of the holder's name", "untrusted_ca").token(with(changed))
	unreadable := b.card(b.middle, b.p256.Public(), func(c *x509.Certificate) {
		c.ExtraExtensions = append(c.ExtraExtensions, extension(asn1.ObjectIdentifier{2, 5, 29, 17}, false, []byte{0x30, 3, 0x82, 1, 0xff}))
	})
	b.add("unreadable", "a DNS name that is no IA5String (RFC 5280, 4.2.1.6): the issuer's mistake", "unreadable_certificate").token(b.of(unreadable)).
		official("it does not read alternative names", "java", "php", "dotnet")
	b.add("unknown critical extension", "RFC 5280, 4.2", "untrusted_ca").token(b.of(b.card(b.middle, b.p256.Public(), func(c *x509.Certificate) {
		c.ExtraExtensions = append(c.ExtraExtensions, extension(asn1.ObjectIdentifier{2, 999, 1}, true, []byte{5, 0}))
	}))).official("it does not look for them", "php")
	large := b.card(b.middle, b.p256.Public(), func(c *x509.Certificate) {
		c.ExtraExtensions = append(c.ExtraExtensions, extension(asn1.ObjectIdentifier{2, 999, 2}, false, make([]byte, 6000)))
	})
	b.add("too large", "more than 6000 bytes", "malformed_certificate").token(b.of(large)).official("its size alone is not bounded", "java", "php", "dotnet")
}

func (b *builder) algorithm() {
	b.kind = "algorithm"
	const refused = "algorithm_refused"
	for _, name := range []string{"none", "", "HS256", "rs256", "RS1", "RS256 ", "RSA", "SHA256withRSA", "EdDSA"} {
		b.add("RSA as "+name, "not one of the nine, letter for letter", refused).token(b.changed(b.rs256(), func(t *token) { t.Algorithm = name }))
	}
	for _, name := range []string{"ES256K", "es256", "HS256"} {
		b.add("P-256 as "+name, "not one of the nine, letter for letter", refused).token(b.changed(b.es256(), func(t *token) { t.Algorithm = name }))
	}
	for _, name := range []string{"RS384", "RS512", "PS256", "PS512"} {
		b.add("RS256 as "+name, "another hash, or another padding", "bad_signature").token(b.changed(b.rs256(), func(t *token) { t.Algorithm = name }))
	}
	for _, name := range []string{"ES384", "ES512", "RS256", "PS256"} {
		b.add("P-256 as "+name, "for another curve, or another kind of key", refused).token(b.changed(b.es256(), func(t *token) { t.Algorithm = name }))
	}
	b.add("RSA as ES256", "for another kind of key", refused).token(b.changed(b.rs256(), func(t *token) { t.Algorithm = "ES256" }))
	b.add("P-256 signed as ES384", "another hash with this curve", refused).token(makeToken(b.p256Card, "ES384", b.p256, origin, nonce)).official("it looks at the hash alone", "php")
	small := ecKey(elliptic.P224(), "card P-224")
	b.add("P-224", "a curve of no algorithm", refused).token(makeToken(b.card(b.middle, small.Public()), "ES256", small, origin, nonce)).official("it looks at the hash alone", "php")
	b.add("not the site's", "the site accepts PS256 alone", refused).token(b.rs256()).trust(func(t *Trust) { t.Algorithms = []string{"PS256"} }).official("the site cannot say so", "java", "php", "dotnet")
}

func (b *builder) signature() {
	b.kind = "signature"
	const bad = "bad_signature"
	es, rs := b.es256(), b.rs256()
	n := b.p256.Curve.Params().N
	with := func(t token, change func([]byte) []byte) token {
		return b.changed(t, func(t *token) { t.Signature = b64(change(must(base64.StdEncoding.DecodeString(t.Signature)))) })
	}
	for _, i := range []int{0, 31, 32, 63} {
		b.add("ECDSA, byte "+big.NewInt(int64(i)).String()+" changed", "one bit", bad).token(with(es, func(s []byte) []byte { s[i] ^= 1; return s }))
	}
	for _, i := range []int{0, 100, 255} {
		b.add("RSA, byte "+big.NewInt(int64(i)).String()+" changed", "one bit", bad).token(with(rs, func(s []byte) []byte { s[i] ^= 1; return s }))
	}
	der := func(s []byte) []byte {
		return must(asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(s[:32]), new(big.Int).SetBytes(s[32:])}))
	}
	b.add("ECDSA in DER", "RFC 7518, 3.4 has r and s alone", bad).token(with(es, der)).official("it takes both forms", "php")
	b.add("ECDSA, r and s exchanged", "", bad).token(with(es, func(s []byte) []byte { return append(append([]byte{}, s[32:]...), s[:32]...) }))
	b.add("ECDSA, zeros", "r and s are 1 or more", bad).token(with(es, func(s []byte) []byte { return make([]byte, 64) }))
	b.add("ECDSA, r is zero", "", bad).token(with(es, func(s []byte) []byte { return append(make([]byte, 32), s[32:]...) }))
	b.add("ECDSA, s is the order", "r and s are less than the curve's order", bad).token(with(es, func(s []byte) []byte { return append(s[:32:32], n.FillBytes(make([]byte, 32))...) }))
	b.add("ECDSA, a byte less", "", bad).token(with(es, func(s []byte) []byte { return s[:63] }))
	b.add("ECDSA, a zero before each", "two octets too long", bad).token(with(es, func(s []byte) []byte {
		return append(append(append([]byte{0}, s[:32]...), 0), s[32:]...)
	})).official("it halves whatever length there is", "php")
	b.add("ECDSA, the other s", "n-s is as good as s by the standard: a nonce is good once, so that a second form of a signature is of no use", "accepted").token(with(es, func(s []byte) []byte {
		other := new(big.Int).Sub(n, new(big.Int).SetBytes(s[32:]))
		return append(s[:32:32], other.FillBytes(make([]byte, 32))...)
	}))
	b.add("RSA, a zero before", "an octet too long", bad).token(with(rs, func(s []byte) []byte { return append([]byte{0}, s...) }))
	b.add("RSA, a byte less", "", bad).token(with(rs, func(s []byte) []byte { return s[:255] }))
	b.add("RSA, the modulus", "not less than the modulus", bad).token(with(rs, func(s []byte) []byte { return b.rsa.N.FillBytes(s) }))
	digest := sum("PS256", message("PS256", origin, nonce))
	short := must(rsa.SignPSS(&stream{seed: "salt"}, b.rsa, hashOf("PS256"), digest, &rsa.PSSOptions{SaltLength: 20}))
	b.add("PSS with a salt of 20 octets", "RFC 7518, 3.5 has the hash's length", bad).token(b.changed(rs, func(t *token) { t.Algorithm, t.Signature = "PS256", b64(short) })).official("it takes any length of the salt", "php")
	b.add("another key's", "signed by a key of nobody", bad).token(b.changed(es, func(t *token) {
		t.Signature = makeToken(b.p256Card, "ES256", ecKey(elliptic.P256(), "nobody"), origin, nonce).Signature
	}))
	// What was signed instead.
	signed := func(m []byte) token {
		return b.changed(es, func(t *token) { t.Signature = b64(sign("ES256", b.p256, m)) })
	}
	o, k := []byte(origin), []byte(nonce)
	hash := func(m []byte) []byte { return sum("ES256", m) }
	b.add("over the nonce alone", "another message", bad).token(signed(hash(k)))
	b.add("over origin and nonce, not hashed", "another message", bad).token(signed(append(append([]byte{}, o...), k...)))
	b.add("over nonce and origin", "another order", bad).token(signed(append(hash(k), hash(o)...)))
	b.add("over the nonce's 32 octets", "the nonce is hashed as the text that it is", bad).token(signed(append(hash(o), hash(must(base64.StdEncoding.DecodeString(nonce)))...)))
	b.add("with another hash inside", "one hash for all three", bad).token(signed(message("ES384", origin, nonce)))
	b.add("not hashed once more", "the hashes taken for the digest", bad).token(b.changed(rs, func(t *token) {
		t.Signature = b64(must(rsa.SignPKCS1v15(nil, b.rsa, 0, message("RS256", origin, nonce))))
	}))
}

func (b *builder) nonce() {
	b.kind = "nonce"
	other := "////" + nonce[4:]
	b.add("of another login", "a token that was used, or is of another session", "bad_signature").token(makeToken(b.p256Card, "ES256", b.p256, origin, other))
	for _, n := range []struct{ name, nonce string }{
		{"empty", ""}, {"43 characters", strings.Repeat("n", 43)}, {"129 characters", strings.Repeat("n", 129)},
		{"space", strings.Repeat("n", 43) + " "}, {"line end", strings.Repeat("n", 43) + "\n"}, {"not ASCII", strings.Repeat("é", 22)},
	} {
		e := b.add(n.name, "a nonce that the site cannot have made: 44 to 128 printable ASCII characters", "nonce_length").token(makeToken(b.p256Card, "ES256", b.p256, origin, n.nonce))
		e.Nonce = n.nonce
		if n.nonce != "" {
			e.official("it takes any nonce that is not empty", "java", "php", "dotnet")
		}
	}
}

func (b *builder) origin() {
	b.kind = "origin"
	for _, o := range []struct{ name, origin string }{
		{"relayed", "https://portail.example.fr.evil.example"}, {"another port", origin + ":8443"}, {"default port", origin + ":443"}, {"slash at the end", origin + "/"},
		{"http", "http://portail.example.fr"}, {"a host below", "https://www.portail.example.fr"}, {"capitals", "https://Portail.example.fr"}, {"empty", ""},
	} {
		b.add(o.name, "signed for "+o.origin+", as a site would that passes on another's challenge", "bad_signature").token(makeToken(b.p256Card, "ES256", b.p256, o.origin, nonce))
	}
	for _, o := range []struct{ name, origin string }{
		{"site with a slash", origin + "/"}, {"site with its default port", origin + ":443"}, {"site in capitals", "https://Portail.example.fr"}, {"site on http", "http://portail.example.fr"}, {"site without a scheme", "portail.example.fr"},
	} {
		e := b.add(o.name, "a site whose settings have no origin as browsers write it: it must not start", "origin_invalid").token(makeToken(b.p256Card, "ES256", b.p256, o.origin, nonce))
		e.Origin = o.origin
	}
}

func (b *builder) usage() {
	b.kind = "usage"
	key := b.p256.Public()
	card := func(change change) token { return b.of(b.card(b.middle, key, change)) }
	const ku, eku = "wrong_key_usage", "wrong_extended_key_usage"
	b.add("no key usage", "RFC 5280, 4.2.1.3", ku).token(card(func(c *x509.Certificate) { c.KeyUsage = 0 })).official("it looks at the extended one alone (PHP up to 1.2)", "php")
	b.add("key encipherment", "no digitalSignature", ku).token(card(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment })).official("it looks at the extended one alone (PHP up to 1.2)", "php")
	b.add("signature certificate", "the same card's, with nonRepudiation", ku).token(card(func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageContentCommitment })).official("it does not look for nonRepudiation, where clientAuth is there too", "java", "php", "dotnet")
	b.add("certificate authority", "an authority is no card", ku).token(card(func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid, c.MaxPathLen = true, true, -1 })).official("it does not look for it", "java", "php", "dotnet")
	ekus := func(list ...x509.ExtKeyUsage) token { return card(func(c *x509.Certificate) { c.ExtKeyUsage = list }) }
	b.add("for servers", "no clientAuth", eku).token(ekus(x509.ExtKeyUsageServerAuth))
	b.add("for any", "anyExtendedKeyUsage does not stand for it", eku).token(ekus(x509.ExtKeyUsageAny))
	b.add("for smart card logon", "no clientAuth", eku).token(card(func(c *x509.Certificate) {
		c.ExtKeyUsage, c.UnknownExtKeyUsage = nil, []asn1.ObjectIdentifier{{1, 3, 6, 1, 4, 1, 311, 20, 2, 2}}
	}))
	b.add("for clients among others", "", "accepted").token(ekus(x509.ExtKeyUsageEmailProtection, x509.ExtKeyUsageClientAuth))
	b.add("none, required", "the site requires one", eku).token(ekus()).official("digitalSignature alone is enough for it", "java")
	b.add("none, not required", "the site requires none", "accepted").token(ekus()).trust(func(t *Trust) { t.RequireEKU = false })
}

func (b *builder) policies() {
	b.kind = "policies"
	card := func(dotted ...string) token {
		return b.of(b.card(b.middle, b.p256.Public(), func(c *x509.Certificate) { c.Policies = oids(dotted...) }))
	}
	cannot := "the site can refuse policies, and not require one"
	b.add("another", "not one that the site requires", "missing_policy").token(card(otherPolicy)).official(cannot, "java", "php", "dotnet")
	b.add("any", "anyPolicy in a card says nothing", "missing_policy").token(card(anyPolicy)).official(cannot, "java", "php", "dotnet")
	b.add("none", "the site requires one", "missing_policy").token(card()).official(cannot, "php", "dotnet")
	b.add("among others", "", "accepted").token(card(otherPolicy, policy))
	b.add("refused", "one that the site refuses, beside the one that it requires", "refused_policy").token(card(otherPolicy, policy)).trust(func(t *Trust) { t.RefusedPolicies = []string{otherPolicy} })
}
