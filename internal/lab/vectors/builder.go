package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// builder adds vectors around one demonstration PKI: a root, an intermediate, and one
// card of each kind of key.
type builder struct {
	file         *File
	kind         string
	serial       int64
	root, middle *authority
	rsa          *rsa.PrivateKey
	p256         *ecdsa.PrivateKey
	rsaCard      *x509.Certificate
	p256Card     *x509.Certificate
}

func newBuilder(f *File) *builder {
	b := &builder{file: f, serial: 0x1000}
	b.rsa, b.p256 = rsaKey(2048, 65537, "card RSA"), ecKey(elliptic.P256(), "card P-256")
	b.root = b.ca("root", "AC racine", nil, nil)
	b.middle = b.ca("intermediate", "AC intermediaire", b.root, nil)
	b.rsaCard, b.p256Card = b.card(b.middle, b.rsa.Public()), b.card(b.middle, b.p256.Public())
	return b
}

// entry is a vector that is being described.
type entry struct{ *Vector }

func (b *builder) add(name, about, outcome string) entry {
	reason := outcome
	if outcome == "accepted" {
		reason = ""
	} else {
		outcome = "refused"
	}
	b.file.Vectors = append(b.file.Vectors, Vector{
		Name: b.kind + "/" + name, Kind: b.kind, About: about, Outcome: outcome, Reason: reason,
		Origin: origin, Nonce: nonce, Time: now.Format(time.RFC3339),
		Trust: Trust{
			Roots: []string{"root"}, Intermediates: []string{"intermediate"}, TestGroup: true, AcceptTestCards: true,
			RequiredPolicies: []string{policy}, RequireEKU: true,
		},
	})
	return entry{&b.file.Vectors[len(b.file.Vectors)-1]}
}

// text is the token, as its bytes.
func (e entry) text(t string) entry {
	if utf8.ValidString(t) {
		e.Token = t
	} else {
		e.TokenBase64 = b64([]byte(t))
	}
	return e
}

func (e entry) token(t token) entry { return e.text(t.String()) }

func (e entry) body(t string) entry {
	if utf8.ValidString(t) {
		e.Body = t
	} else {
		e.BodyBase64 = b64([]byte(t))
	}
	return e
}

func (e entry) trust(change func(*Trust)) entry {
	change(&e.Trust)
	return e
}

// under has its certificates verified up to these, the root first.
func (e entry) under(chain ...*authority) entry {
	e.Trust.Roots, e.Trust.Intermediates = []string{chain[0].name}, []string{}
	for _, a := range chain[1:] {
		e.Trust.Intermediates = append(e.Trust.Intermediates, a.name)
	}
	return e
}

// official marks what official validators accept, and why, as their sources have it.
func (e entry) official(why string, validators ...string) entry {
	if e.Official == nil {
		e.Official = map[string]string{}
	}
	for _, v := range validators {
		e.Official[v] = why
	}
	return e
}

// tokens of the two cards.
func (b *builder) rs256() token { return makeToken(b.rsaCard, "RS256", b.rsa, origin, nonce) }
func (b *builder) es256() token { return makeToken(b.p256Card, "ES256", b.p256, origin, nonce) }

// of is a token of a card that was made for one vector.
func (b *builder) of(cert *x509.Certificate) token {
	return makeToken(cert, "ES256", b.p256, origin, nonce)
}

func (b *builder) changed(t token, change func(*token)) token {
	before := t
	change(&t)
	if t == before {
		panic("nothing changed in " + b.kind)
	}
	return t
}

func (b *builder) good() {
	b.kind = "good"
	for _, alg := range []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"} {
		b.add(alg, alg+" with a key of 2048 bits", "accepted").token(makeToken(b.rsaCard, alg, b.rsa, origin, nonce))
	}
	for _, c := range []struct {
		alg   string
		curve elliptic.Curve
	}{{"ES256", elliptic.P256()}, {"ES384", elliptic.P384()}, {"ES512", elliptic.P521()}} {
		key := ecKey(c.curve, "card "+c.alg)
		b.add(c.alg, c.alg+" with its curve", "accepted").token(makeToken(b.card(b.middle, key.Public()), c.alg, key, origin, nonce))
	}
	large := rsaKey(4096, 65537, "card RSA 4096")
	b.add("RSA-4096", "a key of 4096 bits", "accepted").token(makeToken(b.card(b.middle, large.Public()), "RS256", large, origin, nonce))
	long := strings.Repeat("n", 128)
	e := b.add("longest nonce", "a nonce of 128 characters", "accepted").token(makeToken(b.p256Card, "ES256", b.p256, origin, long))
	e.Nonce = long
	e = b.add("origin with a port", "an origin whose port is not the default one", "accepted").token(makeToken(b.p256Card, "ES256", b.p256, origin+":8443", nonce))
	e.Origin = origin + ":8443"
	t := b.es256().String()
	b.add("more members", "members that version 1.0 does not know are ignored", "accepted").text(strings.Replace(t, "{", `{"z":[{"a":1}],`, 1))
	b.add("without appVersion", "appVersion is informative", "accepted").text(strings.Replace(t, `,"appVersion":"https://test.example/vectors/1"`, "", 1))
	b.add("escapes", "JSON may escape any character", "accepted").text(strings.Replace(strings.ReplaceAll(t, "/", `\/`), `"ES256"`, `"\u0045S256"`, 1))
	b.add("space", "space around JSON's signs", "accepted").text(" " + strings.ReplaceAll(t, `","`, "\" ,\n\t\"") + "\r\n")
	b.add("order", "members in another order", "accepted").text(fmt.Sprintf(`{"signature":%q,"algorithm":"ES256","unverifiedCertificate":%q,"format":"web-eid:1.0"}`, b.es256().Signature, b.es256().Certificate))
	direct := b.card(b.root, b.p256.Public())
	b.add("issued by the root", "a chain of two", "accepted").token(b.of(direct))
}

func (b *builder) envelope() {
	b.kind = "envelope"
	t := b.es256().String()
	const bad = "malformed_request"
	b.add("plain", "what a page posts", "accepted").body(`{"auth-token":` + t + `}`)
	b.add("more members", "other members are ignored", "accepted").body(`{"lang":"fr","auth-token":` + t + `}`)
	b.add("twice, good last", "two readers could see two tokens", bad).body(`{"auth-token":{},"auth-token":` + t + `}`)
	b.add("twice, good first", "two readers could see two tokens", bad).body(`{"auth-token":` + t + `,"auth-token":{}}`)
	b.add("twice, once in escapes", "the same name, spelt otherwise", bad).body(`{"auth-token":{},"auth\u002dtoken":` + t + `}`)
	b.add("capitals", "a name in another letter case", bad).body(`{"AUTH-TOKEN":` + t + `}`)
	b.add("capitals beside it", "readers that ignore letter case see two", bad).body(`{"auth-token":` + t + `,"Auth-Token":{}}`)
	b.add("kelvin sign", "U+212A is a k where letter case is folded", bad).body("{\"auth-to\u212aen\":" + t + "}")
	b.add("member of the token twice", "at any depth", bad).body(`{"auth-token":` + strings.Replace(t, "{", `{"algorithm":"none",`, 1) + `}`)
	b.add("other member twice", "in any member", bad).body(`{"x":1,"x":2,"auth-token":` + t + `}`)
	b.add("missing", "no token", bad).body(`{"token":` + t + `}`)
	b.add("bare token", "a token without its envelope", bad).body(t)
	b.add("array", "no object", bad).body(`[` + t + `]`)
	b.add("empty", "nothing", bad).body(" ")
	b.add("more after it", "a second value", bad).body(`{"auth-token":` + t + `}{}`)
	b.add("cut", "no end", bad).body(`{"auth-token":` + t)
	b.add("byte order mark", "RFC 8259, 8.1", bad).body("\uFEFF{\"auth-token\":" + t + "}")
	b.add("not UTF-8", "RFC 8259, 8.1", bad).body("{\"x\":\"\xff\",\"auth-token\":" + t + "}")
	b.add("too long", "more than 11,024 bytes", bad).body(`{"auth-token":` + t + `,"x":"` + strings.Repeat("x", 11024) + `"}`)
	b.add("null", "a token that is none", "malformed_token").body(`{"auth-token":null}`)
	b.add("text", "a token as a text", "malformed_token").body(fmt.Sprintf(`{"auth-token":%q}`, "token"))
}

func (b *builder) json() {
	b.kind = "json"
	const bad = "malformed_token"
	t := b.es256()
	s := t.String()
	last := "of a member given twice the last is read"
	b.add("algorithm twice, good last", "two readers could see two tokens", bad).text(strings.Replace(s, "{", `{"algorithm":"none",`, 1)).official(last, "java", "php", "dotnet")
	b.add("certificate twice, good last", "two readers could see two tokens", bad).text(strings.Replace(s, "{", `{"unverifiedCertificate":"`+b64(b.rsaCard.Raw)+`",`, 1)).official(last, "java", "php", "dotnet")
	b.add("signature twice, good first", "two readers could see two tokens", bad).text(s[:len(s)-1] + `,"signature":"AAAA"}`)
	b.add("format twice, in escapes", "the same name, spelt otherwise", bad).text(strings.Replace(s, "{", `{"\u0066ormat":"web-eid:2.0",`, 1)).official(last, "java", "php", "dotnet")
	b.add("unknown member twice", "also in members that are ignored", bad).text(strings.Replace(s, "{", `{"z":1,"z":2,`, 1)).official("unknown members are not looked at", "java", "php", "dotnet")
	b.add("twice in an unknown member", "at any depth", bad).text(strings.Replace(s, "{", `{"z":[{"a":1,"a":2}],`, 1)).official("unknown members are not looked at", "java", "php", "dotnet")
	for _, name := range []string{"format", "unverifiedCertificate", "algorithm", "signature"} {
		b.add(name+" in capitals", "a name in another letter case", bad).text(strings.Replace(s, `"`+name+`"`, `"`+strings.ToUpper(name)+`"`, 1)).official("names are compared without letter case", "dotnet")
		b.add("no "+name, "a member is missing", bad).text(strings.Replace(s, `"`+name+`"`, `"x-`+name+`"`, 1))
	}
	b.add("long s", "U+017F is an s where letter case is folded", bad).text(strings.Replace(s, `"signature"`, "\"\u017fignature\"", 1))
	b.add("algorithm null", "no string", bad).text(strings.Replace(s, `"ES256"`, `null`, 1))
	b.add("algorithm a number", "no string", bad).text(strings.Replace(s, `"ES256"`, `256`, 1))
	b.add("algorithm in an array", "no string", bad).text(strings.Replace(s, `"ES256"`, `["ES256"]`, 1))
	b.add("signature an object", "no string", bad).text(strings.Replace(s, `"`+t.Signature+`"`, `{"a":"`+t.Signature+`"}`, 1))
	b.add("appVersion a number", "no string", bad).text(strings.Replace(s, `"https://test.example/vectors/1"`, `1`, 1)).official("appVersion is not read", "java", "php")
	b.add("two tokens", "a second value", bad).text(s+s).official("what stands after the first value is not read", "java")
	b.add("more after it", "text after the value", bad).text(s+" x").official("what stands after the first value is not read", "java")
	b.add("comma at the end", "RFC 8259, 4", bad).text(s[:len(s)-1]+",}").official("commas at the end are allowed", "dotnet")
	b.add("comment", "RFC 8259, 2", bad).text("/**/" + s)
	b.add("single quotes", "RFC 8259, 7", bad).text(strings.ReplaceAll(s, `"`, `'`))
	b.add("array", "no object", bad).text("[" + s + "]")
	b.add("empty", "nothing", bad).text(" ")
	b.add("cut", "no end", bad).text(s[:len(s)-1])
	b.add("byte order mark", "RFC 8259, 8.1", bad).text("\uFEFF" + s)
	b.add("not UTF-8", "RFC 8259, 8.1", bad).text(strings.Replace(s, "https://test.example/vectors/1", "\xff", 1))
	var wide strings.Builder
	for _, c := range []byte(s) {
		wide.WriteByte(c)
		wide.WriteByte(0)
	}
	b.add("UTF-16", "RFC 8259, 8.1", bad).text("\xff\xfe" + wide.String())
	b.add("too long", "10,001 bytes", bad).text(s[:len(s)-1] + strings.Repeat(" ", 10001-len(s)) + "}")
	b.add("as long as may be", "10,000 bytes", "accepted").text(s[:len(s)-1] + strings.Repeat(" ", 10000-len(s)) + "}")
	jwt := strings.TrimRight(b64([]byte(`{"alg":"ES256","x5c":["`+t.Certificate+`"]}`)), "=") + "." + strings.TrimRight(b64([]byte(`{"nonce":"`+nonce+`"}`)), "=") + "." + strings.TrimRight(t.Signature, "=")
	b.add("JWT", "the format before 1.0", bad).text(jwt)
	b.add("JWT in a string", "the format before 1.0", bad).text(`"` + jwt + `"`)
	b.add("deep", "nested 1000 times", bad).text(strings.Replace(s, "{", `{"z":`+strings.Repeat("[", 1000)+strings.Repeat("]", 1000)+`,`, 1)).official("unknown members are skipped", "java")
}

func (b *builder) format() {
	b.kind = "format"
	prefix := "any format that begins with web-eid:1 is taken (Java up to 3.2, PHP up to 1.2)"
	for _, f := range []struct {
		format   string
		official bool
	}{{"web-eid:1.1", true}, {"web-eid:1", true}, {"web-eid:15", true}, {"web-eid:1.00", true}, {"web-eid:1.0 ", true}, {"web-eid:2.0", false}, {"web-eid:0.9", false}, {"WEB-EID:1.0", false}, {" web-eid:1.0", false}, {"", false}} {
		e := b.add(fmt.Sprintf("%q", f.format), "version 1.0 alone is accepted, letter for letter", "unsupported_format").token(b.changed(b.es256(), func(t *token) { t.Format = f.format }))
		if f.official {
			e.official(prefix, "java", "php")
		}
	}
	t := b.es256().String()
	b.add("1.1 with what it adds", "signing certificates that no signature covers", "unsupported_format").text(strings.Replace(strings.Replace(t, "1.0", "1.1", 1), "{",
		`{"unverifiedSigningCertificates":[{"certificate":"`+b64(b.rsaCard.Raw)+`","supportedSignatureAlgorithms":[{"cryptoAlgorithm":"RSA","hashFunction":"SHA-256","paddingScheme":"PKCS1.5"}]}],`, 1)).
		official("any format that begins with web-eid:1 is taken (PHP up to 1.2, Java up to 3.2); later ones verify these certificates beside it", "java", "php")
}
