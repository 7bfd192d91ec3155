package authtoken

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// MaxTokenSize is the longest token accepted, in bytes of JSON.
const MaxTokenSize = 64 << 10

// Parse reads a token from JSON. It is stricter than encoding/json: a member
// given twice, a member under another letter case, invalid UTF-8, trailing data
// and a token over MaxTokenSize are refused, so that two readers cannot see two
// tokens in the same bytes. Members it does not know are ignored.
//
// The error is an *Error with malformed_token, or unsupported_format.
func Parse(raw []byte) (Token, error) {
	if len(raw) > MaxTokenSize {
		return Token{}, refuse(ReasonMalformedToken, "token of %d bytes, at most %d", len(raw), MaxTokenSize)
	}
	if !utf8.Valid(raw) {
		return Token{}, refuse(ReasonMalformedToken, "not UTF-8")
	}
	members, err := readObject(raw)
	if err != nil {
		return Token{}, &Error{ReasonMalformedToken, err}
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
		value, given := members[field.name]
		if !given && field.optional {
			continue
		}
		text, ok := value.(string)
		if !ok {
			return Token{}, refuse(ReasonMalformedToken, "member %s is missing or no string", field.name)
		}
		*field.to = text
	}
	if t.Format != Format {
		return Token{}, refuse(ReasonUnsupportedFormat, "format %.40q", t.Format)
	}
	return t, nil
}

// checkCase refuses a member that readers blind to letter case, as Go's own is,
// would take for one of the token's.
func checkCase(name string) error {
	for _, known := range []string{"format", "unverifiedCertificate", "algorithm", "signature", "appVersion"} {
		if name != known && strings.EqualFold(name, known) {
			return fmt.Errorf("member %.40q, for %s", name, known)
		}
	}
	return nil
}

// readObject reads one JSON object and nothing after it, refusing a member
// given twice.
func readObject(raw []byte) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	start, err := d.Token()
	if err != nil {
		return nil, err
	}
	if start != json.Delim('{') {
		return nil, errors.New("not a JSON object")
	}
	members := map[string]any{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, ok := key.(string)
		if !ok {
			return nil, errors.New("member without a name")
		}
		if _, twice := members[name]; twice {
			return nil, fmt.Errorf("member %.40q given twice", name)
		}
		if err := checkCase(name); err != nil {
			return nil, err
		}
		var value any
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		members[name] = value
	}
	if _, err := d.Token(); err != nil { // the closing brace
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("data after the token")
	}
	return members, nil
}
