package authtoken

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/jwa"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
)

// A good token changed by someone without the card's key is refused.
func TestTampering(t *testing.T) {
	f := getFixture(t)
	v := verifier(t, f.config())
	rsaCert, ecCert := f.issue(t, f.rsa, demopki.Authentication), f.issue(t, f.p256, demopki.Authentication)
	rsaToken := makeToken(t, rsaCert, f.rsa, "RS256", testOrigin, testNonce)
	ecToken := makeToken(t, ecCert, f.p256, "ES256", testOrigin, testNonce)
	b64 := base64.StdEncoding.EncodeToString
	signature := func(tk *Token, change func([]byte) []byte) {
		raw, err := base64.StdEncoding.DecodeString(tk.Signature)
		if err != nil {
			t.Fatal(err)
		}
		tk.Signature = b64(change(raw))
	}
	foreignKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	foreign := f.issue(t, foreignKey, demopki.Authentication)
	for _, c := range []struct {
		name   string
		token  Token
		change func(*Token)
		want   Reason
	}{
		{"another card's certificate", rsaToken, func(k *Token) { k.UnverifiedCertificate = b64(foreign.Raw) }, ReasonBadSignature},
		{"another key's certificate", rsaToken, func(k *Token) { k.UnverifiedCertificate = b64(ecCert.Raw) }, ReasonAlgorithmRefused},
		{"signed by another key", rsaToken, func(k *Token) {
			*k = makeToken(t, rsaCert, foreignKey, "RS256", testOrigin, testNonce)
		}, ReasonBadSignature},
		{"another site's token", rsaToken, func(k *Token) {
			*k = makeToken(t, rsaCert, f.rsa, "RS256", "https://evil.example", testNonce)
		}, ReasonBadSignature},
		{"another login's token", rsaToken, func(k *Token) {
			*k = makeToken(t, rsaCert, f.rsa, "RS256", testOrigin, NewNonce())
		}, ReasonBadSignature},
		{"algorithm none", rsaToken, func(k *Token) { k.Algorithm = "none" }, ReasonAlgorithmRefused},
		{"algorithm empty", rsaToken, func(k *Token) { k.Algorithm = "" }, ReasonAlgorithmRefused},
		{"algorithm of a shared secret", rsaToken, func(k *Token) { k.Algorithm = "HS256" }, ReasonAlgorithmRefused},
		{"algorithm in lower case", rsaToken, func(k *Token) { k.Algorithm = "rs256" }, ReasonAlgorithmRefused},
		{"SHA-1", rsaToken, func(k *Token) { k.Algorithm = "RS1" }, ReasonAlgorithmRefused},
		{"other padding", rsaToken, func(k *Token) { k.Algorithm = "PS256" }, ReasonBadSignature},
		{"other hash", rsaToken, func(k *Token) { k.Algorithm = "RS512" }, ReasonBadSignature},
		{"other curve", ecToken, func(k *Token) { k.Algorithm = "ES384" }, ReasonAlgorithmRefused},
		{"PSS with another salt length", rsaToken, func(k *Token) {
			k.Algorithm, k.Signature = "PS256", b64(shortSalt(t, f.rsa))
		}, ReasonBadSignature},
		{"one bit of the signature", rsaToken, func(k *Token) {
			signature(k, func(s []byte) []byte { s[100] ^= 1; return s })
		}, ReasonBadSignature},
		{"RSA, a zero before", rsaToken, func(k *Token) {
			signature(k, func(s []byte) []byte { return append([]byte{0}, s...) })
		}, ReasonBadSignature},
		{"no signature", rsaToken, func(k *Token) { k.Signature = "" }, ReasonBadSignature},
		{"ECDSA in DER", ecToken, func(k *Token) { signature(k, func(s []byte) []byte { return derOf(t, s) }) }, ReasonBadSignature},
		{"ECDSA cut", ecToken, func(k *Token) { signature(k, func(s []byte) []byte { return s[:63] }) }, ReasonBadSignature},
		{"ECDSA zeros", ecToken, func(k *Token) { signature(k, func(s []byte) []byte { return make([]byte, 64) }) }, ReasonBadSignature},
		{"ECDSA r and s exchanged", ecToken, func(k *Token) {
			signature(k, func(s []byte) []byte { return append(s[32:64:64], s[:32]...) })
		}, ReasonBadSignature},
		{"signature unpadded", rsaToken, func(k *Token) { k.Signature = strings.TrimRight(k.Signature, "=") }, ReasonBadSignature},
		{"signature with a line end", rsaToken, func(k *Token) { k.Signature += "\n" }, ReasonBadSignature},
		{"signature with lines", rsaToken, func(k *Token) { k.Signature = k.Signature[:64] + "\r\n" + k.Signature[64:] }, ReasonBadSignature},
		{"signature with a space", rsaToken, func(k *Token) { k.Signature = " " + k.Signature }, ReasonBadSignature},
		{"signature with spare bits set", rsaToken, func(k *Token) { k.Signature = spareBits(t, k.Signature) }, ReasonBadSignature},
		{"signature in the URL's alphabet", rsaToken, func(k *Token) { k.Signature = urlAlphabet(t, f, rsaCert) }, ReasonBadSignature},
		{"certificate unpadded", rsaToken, func(k *Token) { k.UnverifiedCertificate = unpadded(t, f) }, ReasonMalformedCertificate},
		{"certificate with a line end", rsaToken, func(k *Token) { k.UnverifiedCertificate += "\n" }, ReasonMalformedCertificate},
		{"certificate empty", rsaToken, func(k *Token) { k.UnverifiedCertificate = "" }, ReasonMalformedCertificate},
		{"certificate with more after it", rsaToken, func(k *Token) {
			k.UnverifiedCertificate = b64(append(append([]byte{}, rsaCert.Raw...), 0))
		}, ReasonMalformedCertificate},
		{"certificate cut", rsaToken, func(k *Token) { k.UnverifiedCertificate = b64(rsaCert.Raw[:99]) }, ReasonMalformedCertificate},
		{"certificate with a bit changed", rsaToken, func(k *Token) {
			der := append([]byte{}, rsaCert.Raw...)
			der[len(der)-1] ^= 1 // the issuer's signature
			k.UnverifiedCertificate = b64(der)
		}, ReasonUntrustedCA},
		{"format 2", rsaToken, func(k *Token) { k.Format = "web-eid:2.0" }, ReasonUnsupportedFormat},
		{"no format", rsaToken, func(k *Token) { k.Format = "" }, ReasonUnsupportedFormat},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := v.Verify(t.Context(), encode(t, c.token), testNonce); err != nil {
				t.Fatalf("the token is refused before the change: %v", err)
			}
			token := c.token
			c.change(&token)
			if token == c.token {
				t.Fatal("nothing changed")
			}
			_, err := v.Verify(t.Context(), encode(t, token), testNonce)
			wantReason(t, err, c.want)
		})
	}
}

// A member given twice is refused, whichever of the two a reader would use.
func TestDuplicateMemberOfGoodToken(t *testing.T) {
	f := getFixture(t)
	raw := string(encode(t, makeToken(t, f.issue(t, f.rsa, demopki.Authentication), f.rsa, "RS256", testOrigin, testNonce)))
	v := verifier(t, f.config())
	for _, text := range []string{
		`{"algorithm":"none",` + raw[1:],
		raw[:len(raw)-1] + `,"signature":"AAAA"}`,
		raw + raw,
	} {
		_, err := v.Verify(t.Context(), []byte(text), testNonce)
		wantReason(t, err, ReasonMalformedToken)
	}
	for _, nonce := range []string{"", testNonce[:43], strings.Repeat("a", 129)} {
		_, err := v.Verify(t.Context(), []byte(raw), nonce)
		wantReason(t, err, ReasonNonceLength)
	}
	_, err := v.Verify(t.Context(), []byte(raw), NewNonce())
	wantReason(t, err, ReasonBadSignature)
}

// The nonce is checked first: where it is malformed, nothing else is read.
func TestNonceIsCheckedFirst(t *testing.T) {
	_, err := verifier(t, getFixture(t).config()).Verify(t.Context(), []byte("{"), "short")
	wantReason(t, err, ReasonNonceLength)
}

// shortSalt signs as PS256 with a salt of the wrong length (RFC 7518 section 3.5
// requires the hash's).
func shortSalt(t testing.TB, key *rsa.PrivateKey) []byte {
	t.Helper()
	message, err := Message("PS256", testOrigin, testNonce)
	if err != nil {
		t.Fatal(err)
	}
	digest := jwa.Get(jwa.PS256).Digest(message)
	signature, err := key.Sign(rand.Reader, digest, &rsa.PSSOptions{SaltLength: 20, Hash: crypto.SHA256})
	if err != nil {
		t.Fatal(err)
	}
	return signature
}

func derOf(t testing.TB, raw []byte) []byte {
	t.Helper()
	n := len(raw) / 2
	der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(raw[:n]), new(big.Int).SetBytes(raw[n:])})
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// spareBits sets a bit that the last group's padding leaves unused: 256 bytes
// end in one group of four bits, and "==".
func spareBits(t testing.TB, text string) string {
	t.Helper()
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	i := len(text) - 3
	changed := text[:i] + string(alphabet[strings.IndexByte(alphabet, text[i])|1]) + text[i+1:]
	if a, _ := base64.StdEncoding.DecodeString(text); string(a) != mustDecode(t, changed) {
		t.Fatal("the change is not in the spare bits")
	}
	return changed
}

func mustDecode(t testing.TB, text string) string {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// urlAlphabet signs until the signature has a character that differs between the
// two base64 alphabets.
func urlAlphabet(t testing.TB, f *fixture, cert *x509.Certificate) string {
	t.Helper()
	for {
		signature := makeToken(t, cert, f.rsa, "PS256", testOrigin, testNonce).Signature
		if url := strings.NewReplacer("+", "-", "/", "_").Replace(signature); url != signature {
			return url
		}
	}
}

// unpadded issues until the certificate's length needs padding, and strips that.
func unpadded(t testing.TB, f *fixture) string {
	t.Helper()
	for n := 1; ; n++ {
		holder := demopki.NewHolder("CPS", 1)
		holder.Surname += strings.Repeat("X", n)
		cert, err := f.pki.Intermediate.Issue(demopki.Leaf{
			Holder: holder, NotBefore: testNow, NotAfter: testNow, PublicKey: f.rsa.Public(),
		})
		if err != nil {
			t.Fatal(err)
		}
		text := base64.StdEncoding.EncodeToString(cert.Raw)
		if cut := strings.TrimRight(text, "="); cut != text {
			return cut
		}
	}
}

// FuzzVerify changes a good token's JSON. A token that is accepted must hold the
// same certificate and one of the cards' signatures, whatever else it holds.
func FuzzVerify(f *testing.F) {
	x := getFixture(f)
	cert := x.issue(f, x.rsa, demopki.Authentication)
	good := makeToken(f, cert, x.rsa, "RS256", testOrigin, testNonce)
	ec := makeToken(f, x.issue(f, x.p256, demopki.Authentication), x.p256, "ES256", testOrigin, testNonce)
	f.Add(encode(f, good))
	f.Add(encode(f, ec))
	f.Add([]byte(officialVector))
	f.Add([]byte(`{"format":"web-eid:1.0","format":"web-eid:1.0"}`))
	v := verifier(f, x.config())
	f.Fuzz(func(t *testing.T, raw []byte) {
		result, err := v.Verify(t.Context(), raw, testNonce)
		if err != nil {
			if result.Certificate != nil {
				t.Error("a certificate comes with a refusal")
			}
			return
		}
		// Another reader sees the same token.
		var token map[string]any
		if err := json.Unmarshal(raw, &token); err != nil {
			t.Fatalf("accepted, but not JSON: %v", err)
		}
		if token["unverifiedCertificate"] != base64.StdEncoding.EncodeToString(result.Certificate.Raw) {
			t.Error("accepted a second spelling of the certificate")
		}
		if s := token["signature"]; s != good.Signature && s != ec.Signature {
			t.Error("accepted a signature that the cards did not make")
		}
	})
}
