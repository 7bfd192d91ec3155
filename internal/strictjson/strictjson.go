// Package strictjson refuses JSON texts that two readers could understand
// differently. It applies RFC 8259 at its strictest, where encoding/json is
// lenient: one value and nothing after it, names unique in each object (section 4;
// I-JSON, RFC 7493, 2.3), UTF-8 without a byte order mark (8.1), and nesting of a
// bounded depth (9). Names are compared with their letter case, after their
// escapes are decoded.
//
// It is for texts that come from outside: from pages, browsers and cards. Its
// functions may be called concurrently. They never bound the length: the caller
// must, before the whole text is in memory.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"
)

// MaxDepth is how deep objects and arrays may be nested. What the product reads
// needs three.
const MaxDepth = 32

// The errors, beside a *json.SyntaxError for JSON's own syntax and a
// *DuplicateError.
var (
	ErrByteOrderMark = errors.New("a byte order mark stands before it")
	ErrNotUTF8       = errors.New("not UTF-8")
	ErrTooDeep       = errors.New("nested too deeply")
	ErrNotObject     = errors.New("not an object") // from Object only
)

// DuplicateError is a name that an object has twice.
type DuplicateError struct{ Name string }

func (e *DuplicateError) Error() string {
	return fmt.Sprintf("the key %.40q stands twice in one object", e.Name)
}

// Object reads one object and returns its members, each as it was written.
func Object(text []byte) (map[string]json.RawMessage, error) {
	if members, ok := plainObject(text); ok {
		return members, nil
	}
	if err := Check(text); err != nil {
		return nil, err
	}
	// A map, because encoding/json would match a struct's fields in any case.
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil || members == nil {
		return nil, ErrNotObject
	}
	return members, nil
}

// Into reads one object into the struct that v points at: each member by its exact name
// in the field's tag, where encoding/json would take any letter case. Members that no
// field names are ignored.
func Into(text []byte, v any) error {
	members, err := Object(text)
	if err != nil {
		return err
	}
	to := reflect.ValueOf(v).Elem()
	for i := range to.NumField() {
		name, _, _ := strings.Cut(to.Type().Field(i).Tag.Get("json"), ",")
		value, present := members[name]
		if !present {
			continue
		}
		if err := json.Unmarshal(value, to.Field(i).Addr().Interface()); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// Check refuses a text that is not one value as this package accepts it.
func Check(text []byte) error {
	if bytes.HasPrefix(text, []byte("\uFEFF")) {
		return ErrByteOrderMark
	}
	if !utf8.Valid(text) {
		return ErrNotUTF8
	}
	// First the syntax of the whole, about which a decoder of tokens is lenient.
	var whole json.RawMessage
	if err := json.Unmarshal(text, &whole); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber() // a number too large for a float is not a syntax error
	return checkValue(d, 0)
}

// checkValue reads one value, which is nested in depth others.
func checkValue(d *json.Decoder, depth int) error {
	if depth > MaxDepth {
		return ErrTooDeep
	}
	token, err := d.Token()
	if err != nil {
		return err
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return nil
	}
	names := map[string]bool{}
	for d.More() {
		if delim == '{' {
			if err := checkName(d, names); err != nil {
				return err
			}
		}
		if err := checkValue(d, depth+1); err != nil {
			return err
		}
	}
	_, err = d.Token() // the closing one
	return err
}

func checkName(d *json.Decoder, names map[string]bool) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	name, _ := token.(string) // the syntax is right
	if names[name] {
		return &DuplicateError{name}
	}
	names[name] = true
	return nil
}
