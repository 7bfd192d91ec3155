package authtoken

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
)

// The parts of the official vector, hashed by another implementation.
func TestMessageOfOfficialVector(t *testing.T) {
	const want = "869fc67e8028212e14a4952c583bd614760e0ae9d0db1fcb660f5905b018b9ff09e273aef20bb96a0ccf3c6971f50c09" +
		"afe69423e0d3d7da96cfb42063bfdba978de4f349afda87a9872eeb30863f942d1a51703ef679755ae09c479592fcf91"
	got, err := Message("ES384", "https://ria.ee", "12345678123456781234567812345678912356789123")
	if err != nil || hex.EncodeToString(got) != want {
		t.Errorf("message %x, error %v", got, err)
	}
}

func TestMessageRefuses(t *testing.T) {
	_, err := Message("none", testOrigin, testNonce)
	wantReason(t, err, ReasonAlgorithmRefused)
	_, err = Message("RS256", testOrigin+"/", testNonce)
	wantReason(t, err, ReasonOriginInvalid)
	_, err = Message("RS256", testOrigin, "short")
	wantReason(t, err, ReasonNonceLength)
}

func TestNonce(t *testing.T) {
	a, b := NewNonce(), NewNonce()
	if a == b || len(a) != 44 || CheckNonce(a) != nil {
		t.Errorf("nonces %q, %q", a, b)
	}
	for nonce, ok := range map[string]bool{
		strings.Repeat("a", 43): false, strings.Repeat("a", 44): true,
		strings.Repeat("a", 128): true, strings.Repeat("a", 129): false,
		strings.Repeat("~!", 22): true, "": false,
		strings.Repeat("a", 43) + " ": false, strings.Repeat("a", 43) + "\n": false,
		strings.Repeat("a", 43) + "\x7f": false, strings.Repeat("é", 22): false,
	} {
		err := CheckNonce(nonce)
		if (err == nil) != ok {
			t.Errorf("%q: %v", nonce, err)
		}
		if err != nil {
			wantReason(t, err, ReasonNonceLength)
		}
	}
}

func TestCheckOrigin(t *testing.T) {
	for origin, ok := range map[string]bool{
		"https://portail.example": true, "https://portail.example:8443": true, "https://a": true,
		"https://xn--hpital-6xa.example": true, "https://192.0.2.7": true, "https://192.0.2.7:4433": true,
		"https://[2001:db8::1]": true, "https://[2001:db8::1]:8443": true, "https://a_b.example": true,
		"http://localhost": true, "http://localhost:8080": true, "http://127.0.0.1:8080": true,
		"https://localhost:8080": true,
		// Any origin that the agent admits can be signed: the person has consented by then.
		"https://portail.4hopital": true, "https://a.1x:8443": true, "https://[::ffff:7f00:1]": true, "https://[::ffff:127.0.0.1]": false,

		"": false, "https://": false, "https:": false, "portail.example": false, "null": false, "ftp://a": false,
		"https://portail.example/": false, "https://portail.example?": false, "https://portail.example#": false,
		"https://portail.example.": false, "https://.example": false, "https://a..b": false, "https://-a.b": false,
		"https://a-.b": false, "https://Portail.example": false, "HTTPS://portail.example": false,
		"https://hôpital.example": false, "https://user@portail.example": false, "https://a b": false,
		"https://portail.example:443": false, "https://portail.example:": false, "https://portail.example:0": false,
		"https://portail.example:0443": false, "https://portail.example:65536": false, "https://portail.example:+80": false,
		"https://a:1:2": false, "https://192.0.2": false, "https://192.0.2.07": false, "https://0x7f.1": false,
		"https://[2001:DB8::1]": false, "https://[2001:db8:0::1]": false, "https://[::1": false, "https://[192.0.2.7]": false,
		"https://[::1%lo]": false, "https://*.example": false, "https://portail.example\x00": false, "https://portail.example\n": false,
		"http://portail.example": false, "http://localhost:80": false, "http://localhost.": false, "http://localhost/": false,
		"http://127.0.0.2": false, "http://[::1]": false, "http://localhost.example": false,
		"https://" + strings.Repeat("a", 64) + ".example":        false,
		"https://" + strings.Repeat("abcdefg.", 30) + "abcdefg":  true,  // 255
		"https://" + strings.Repeat("abcdefg.", 30) + "abcdefgh": false, // 256
		"https://https://portail.example":                        false, "https://portail.example:443@evil.example": false,
	} {
		err := CheckOrigin(origin)
		if (err == nil) != ok {
			t.Errorf("%q: %v", origin, err)
		}
		if err != nil {
			wantReason(t, err, ReasonOriginInvalid)
		}
		if got, want := IsLoopbackHTTP(origin), ok && strings.HasPrefix(origin, "http:"); got != want {
			t.Errorf("%q: loopback http %v", origin, got)
		}
	}
}

func TestParse(t *testing.T) {
	const good = `"format":"web-eid:1.0","unverifiedCertificate":"YQ==","algorithm":"RS256","signature":"Yg=="`
	for _, c := range []struct {
		name, raw string
		want      Reason // empty: accepted
	}{
		{"least", `{` + good + `}`, ""},
		{"all", `{` + good + `,"appVersion":"x"}`, ""},
		{"more members", ` {` + good + `,"supportedSignatureAlgorithms":[{"a":1}],"z":null} ` + "\n", ""},
		{"empty", ``, ReasonMalformedToken},
		{"null", `null`, ReasonMalformedToken},
		{"array", `[{` + good + `}]`, ReasonMalformedToken},
		{"unclosed", `{` + good, ReasonMalformedToken},
		{"trailing object", `{` + good + `}{}`, ReasonMalformedToken},
		{"trailing text", `{` + good + `} x`, ReasonMalformedToken},
		{"trailing comma", `{` + good + `,}`, ReasonMalformedToken},
		{"duplicate", `{` + good + `,"algorithm":"RS256"}`, ReasonMalformedToken},
		{"duplicate, escaped", `{` + good + `,"\u0061lgorithm":"RS256"}`, ReasonMalformedToken},
		{"duplicate of an ignored member", `{` + good + `,"z":1,"z":1}`, ReasonMalformedToken},
		{"duplicate inside an ignored member", `{` + good + `,"z":[{"a":1,"a":2}]}`, ReasonMalformedToken},
		{"byte order mark", "\uFEFF{" + good + `}`, ReasonMalformedToken},
		{"signature null", `{` + strings.Replace(good, `"Yg=="`, `null`, 1) + `}`, ReasonMalformedToken},
		{"appVersion null", `{` + good + `,"appVersion":null}`, ReasonMalformedToken},
		{"other letter case", `{` + strings.Replace(good, "format", "Format", 1) + `}`, ReasonMalformedToken},
		{"twice, in two letter cases", `{` + good + `,"Signature":"YQ=="}`, ReasonMalformedToken},
		{"no signature", `{` + strings.Replace(good, "signature", "sig", 1) + `}`, ReasonMalformedToken},
		{"algorithm no string", `{` + strings.Replace(good, `"RS256"`, `{"a":"RS256"}`, 1) + `}`, ReasonMalformedToken},
		{"appVersion no string", `{` + good + `,"appVersion":1}`, ReasonMalformedToken},
		{"not UTF-8", `{` + good + `,"appVersion":"` + "\xff" + `"}`, ReasonMalformedToken},
		{"too long", `{` + good + `,"appVersion":"` + strings.Repeat("x", MaxTokenSize) + `"}`, ReasonMalformedToken},
		{"deep", `{` + good + `,"z":` + strings.Repeat("[", 30000) + strings.Repeat("]", 30000) + `}`, ReasonMalformedToken},
		{"format 1.1", `{` + strings.Replace(good, "1.0", "1.1", 1) + `}`, ReasonUnsupportedFormat},
		{"format 15", `{` + strings.Replace(good, "1.0", "15", 1) + `}`, ReasonUnsupportedFormat},
		{"format with space", `{` + strings.Replace(good, "1.0", "1.0 ", 1) + `}`, ReasonUnsupportedFormat},
	} {
		t.Run(c.name, func(t *testing.T) {
			token, err := Parse([]byte(c.raw))
			if c.want != "" {
				wantReason(t, err, c.want)
				return
			}
			if err != nil || token.Signature != "Yg==" || token.UnverifiedCertificate != "YQ==" || token.Algorithm != "RS256" {
				t.Errorf("token %+v, error %v", token, err)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	f := getFixture(t)
	rsaCert, ecCert := f.issue(t, f.rsa, demopki.Authentication), f.issue(t, f.p256, demopki.Authentication)
	_, err := New(nil, "RS256", make([]byte, 256), "")
	wantReason(t, err, ReasonMalformedCertificate)
	_, err = New(rsaCert, "RS1", make([]byte, 256), "")
	wantReason(t, err, ReasonAlgorithmRefused)
	_, err = New(rsaCert, "ES256", make([]byte, 64), "")
	wantReason(t, err, ReasonAlgorithmRefused)
	_, err = New(ecCert, "RS256", make([]byte, 256), "")
	wantReason(t, err, ReasonAlgorithmRefused)
	_, err = New(ecCert, "ES384", make([]byte, 96), "")
	wantReason(t, err, ReasonAlgorithmRefused)
	_, err = New(ecCert, "ES256", make([]byte, 70), "") // DER's length
	wantReason(t, err, ReasonBadSignature)
	_, err = New(rsaCert, "RS256", nil, "")
	wantReason(t, err, ReasonBadSignature)
}
