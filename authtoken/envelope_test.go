package authtoken

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestParseEnvelope(t *testing.T) {
	long := func(n int) string { return `{"auth-token":"` + strings.Repeat("x", n-len(`{"auth-token":""}`)) + `"}` }
	for _, c := range []struct{ name, body, want string }{ // want "": refused
		{"a token", `{"auth-token":{"a":1}}`, `{"a":1}`},
		{"space around it", " {\n\"auth-token\" : {\"a\": 1} } ", `{"a": 1}`},
		{"other members", `{"lang":"fr","auth-token":{"a":1},"x":{"auth-token":2}}`, `{"a":1}`},
		{"name in escapes", `{"auth\u002dtoken":{"a":1}}`, `{"a":1}`},
		{"a token that is none", `{"auth-token":null}`, `null`}, // Verify refuses it
		{"the longest", long(MaxEnvelopeSize), long(MaxEnvelopeSize)[len(`{"auth-token":`) : MaxEnvelopeSize-1]},
		{"longer", long(MaxEnvelopeSize + 1), ""},
		{"empty", ``, ""},
		{"no object", `"auth-token"`, ""},
		{"null", `null`, ""},
		{"no member", `{}`, ""},
		{"another member", `{"token":{}}`, ""},
		{"twice", `{"auth-token":{},"auth-token":{"a":1}}`, ""},
		{"twice, once in escapes", `{"auth-token":{},"auth-toke\u006e":{"a":1}}`, ""},
		{"capitals", `{"AUTH-TOKEN":{"a":1}}`, ""},
		{"one capital, beside the right one", `{"auth-token":{"a":1},"Auth-token":{"a":1}}`, ""},
		{"kelvin sign", "{\"auth-to\u212aen\":{\"a\":1}}", ""},
		{"a member of the token twice", `{"auth-token":{"a":1,"a":1}}`, ""},
		{"another member twice", `{"auth-token":{},"x":1,"x":1}`, ""},
		{"more after it", `{"auth-token":{}}{}`, ""},
		{"cut", `{"auth-token":{}`, ""},
		{"byte order mark", "\uFEFF{\"auth-token\":{}}", ""},
		{"not UTF-8", "{\"auth-token\":\"\xff\"}", ""},
		{"deep", `{"auth-token":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			token, err := ParseEnvelope([]byte(c.body))
			if string(token) != c.want {
				t.Errorf("token %.60s", token)
			}
			if c.want == "" {
				wantReason(t, err, ReasonMalformedRequest)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

// FuzzParseEnvelope: readers that take a member's last value, or its first, or any letter
// case, see the same token in what is accepted.
func FuzzParseEnvelope(f *testing.F) {
	for _, seed := range []string{
		`{"auth-token":{"format":"web-eid:1.0"}}`, `{"auth-token":{},"auth-token":{"a":1}}`, `{"AUTH-TOKEN":{}}`,
		`{"x":{"auth-token":1},"auth-token":[]}`, "{\"auth-to\u212aen\":1}", `null`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		token, err := ParseEnvelope(body)
		if err != nil {
			if token != nil {
				t.Error("a token comes with a refusal")
			}
			return
		}
		var lenient struct {
			Token json.RawMessage `json:"auth-token"` // any letter case, the last of several
		}
		if err := json.Unmarshal(body, &lenient); err != nil || string(lenient.Token) != string(token) {
			t.Errorf("%q: %q, and another reader %q, %v", body, token, lenient.Token, err)
		}
		if len(body) > MaxEnvelopeSize || !json.Valid(token) {
			t.Errorf("accepted %d bytes, token %q", len(body), token)
		}
		alone, err := ParseEnvelope([]byte(`{"auth-token":` + string(token) + `}`))
		if err != nil || string(alone) != string(token) {
			t.Errorf("%q, and in an envelope of its own %q, %v", token, alone, err)
		}
	})
}
