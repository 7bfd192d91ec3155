package authtoken

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/strictjson"
)

// MaxTokenSize is the longest token accepted, in bytes of JSON.
const MaxTokenSize = 64 << 10

// Parse reads a token from JSON. It is stricter than encoding/json: a member
// given twice, a member's name in another letter case, invalid UTF-8, trailing
// data and a token over MaxTokenSize are refused, so that two readers cannot see
// two tokens in the same bytes. Unknown members are ignored.
//
// The error is an *Error with malformed_token, or unsupported_format.
func Parse(raw []byte) (Token, error) {
	if len(raw) > MaxTokenSize {
		return Token{}, refuse(ReasonMalformedToken, "token of %d bytes, at most %d", len(raw), MaxTokenSize)
	}
	members, err := strictjson.Object(raw)
	if err != nil {
		return Token{}, &Error{ReasonMalformedToken, err}
	}
	for name := range members {
		if err := checkCase(name); err != nil {
			return Token{}, &Error{ReasonMalformedToken, err}
		}
	}
	var t Token
	for _, field := range []struct {
		name     string
		to       *string
		optional bool
	}{
		{"format", &t.Format, false},
		{"unverifiedCertificate", &t.UnverifiedCertificate, false},
		{"algorithm", &t.Algorithm, false},
		{"signature", &t.Signature, false},
		{"appVersion", &t.AppVersion, true},
	} {
		value, present := members[field.name]
		if !present && field.optional {
			continue
		}
		if !isString(value) || json.Unmarshal(value, field.to) != nil {
			return Token{}, refuse(ReasonMalformedToken, "member %s is missing or no string", field.name)
		}
	}
	if t.Format != Format {
		return Token{}, refuse(ReasonUnsupportedFormat, "format %.40q", t.Format)
	}
	return t, nil
}

// checkCase refuses a name that readers which ignore letter case, such as Go's,
// would take for a member of the token.
func checkCase(name string) error {
	for _, known := range []string{"format", "unverifiedCertificate", "algorithm", "signature", "appVersion"} {
		if name != known && strings.EqualFold(name, known) {
			return fmt.Errorf("member %.40q, for %s", name, known)
		}
	}
	return nil
}

// isString excludes null, which encoding/json reads as an empty string.
func isString(value json.RawMessage) bool { return len(value) > 0 && value[0] == '"' }
