package authtoken

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/cpx-bridge/cpx-bridge/internal/strictjson"
)

// MaxTokenSize is the longest token accepted, in bytes of JSON: as many as the
// official Web eID libraries accept characters.
const MaxTokenSize = 10_000

// Parse reads a token from JSON. It is stricter than encoding/json: a member
// given twice, a member's name in another letter case, invalid UTF-8, trailing
// data and a token over MaxTokenSize are refused, so that two readers cannot see
// two tokens in the same bytes. Unknown members are ignored.
//
// The error is an *Error with malformed_token, or unsupported_format.
func Parse(raw []byte) (Token, error) {
	if len(raw) > MaxTokenSize {
		return Token{}, badToken("", fmt.Errorf("token of %d bytes, at most %d", len(raw), MaxTokenSize))
	}
	members, err := strictjson.Object(raw)
	if err != nil {
		return Token{}, badToken("", err)
	}
	for name := range members {
		if err := checkCase(name, "format", "unverifiedCertificate", "algorithm", "signature", "appVersion"); err != nil {
			return Token{}, badToken("", err)
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
		text, ok := stringOf(value)
		if !ok {
			return Token{}, badToken(field.name, errors.New("missing, or no string"))
		}
		*field.to = text
	}
	if t.Format != Format {
		return Token{}, refuse(ReasonUnsupportedFormat, &FormatError{t.Format})
	}
	return t, nil
}

func badToken(member string, err error) error {
	return refuse(ReasonMalformedToken, &TokenError{member, err})
}

// stringOf reads a string, of a text whose syntax was checked. null is none, which
// encoding/json would read as an empty one.
func stringOf(value json.RawMessage) (text string, ok bool) {
	if len(value) < 2 || value[0] != '"' {
		return "", false
	}
	if bytes.IndexByte(value, '\\') < 0 {
		return string(value[1 : len(value)-1]), true
	}
	err := json.Unmarshal(value, &text)
	return text, err == nil
}
