package protocol

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
)

const maxDepth = 32 // of nested objects and arrays; the protocol needs two

// Request is one JSON-RPC 2.0 request.
type Request struct {
	ID     json.RawMessage // a string or an integer, as the page wrote it
	Method string

	params map[string]json.RawMessage
}

var nullID = json.RawMessage("null")

// integer is what an id may be beside a string. A browser's numbers are exact
// up to 2^53, sixteen digits.
var integer = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,15})$`)

// ParseRequest reads one message. On an error the id to answer with is
// returned too: the request's where it is known, else null.
func ParseRequest(message []byte) (Request, json.RawMessage, *Error) {
	if err := checkJSON(message); err != nil {
		var dup duplicateKeyError
		if errors.As(err, &dup) {
			return Request{}, nullID, invalidRequest(dup.Error())
		}
		return Request{}, nullID, newError(CodeParse, "", "the message is not JSON: "+err.Error())
	}
	// A map, because encoding/json would match a struct's fields in any case.
	var object map[string]json.RawMessage
	if err := json.Unmarshal(message, &object); err != nil || object == nil {
		return Request{}, nullID, invalidRequest("the message is not one object (batches are not taken)")
	}
	id, ok := requestID(object["id"])
	if !ok {
		return Request{}, nullID, invalidRequest("id must be a string or an integer")
	}
	r := Request{ID: id}
	var version string
	if json.Unmarshal(object["jsonrpc"], &version) != nil || version != "2.0" {
		return r, id, invalidRequest(`jsonrpc must be "2.0"`)
	}
	if json.Unmarshal(object["method"], &r.Method) != nil || r.Method == "" {
		return r, id, invalidRequest("method must be a string")
	}
	if params, present := object["params"]; present {
		if json.Unmarshal(params, &r.params) != nil || r.params == nil {
			return r, id, InvalidParams("params must be an object")
		}
	}
	return r, id, nil
}

func requestID(raw json.RawMessage) (json.RawMessage, bool) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || len(raw) > 256 {
		return nil, false
	}
	return raw, raw[0] == '"' || integer.Match(raw)
}

type duplicateKeyError string

func (e duplicateKeyError) Error() string {
	return fmt.Sprintf("the key %q stands twice in one object", string(e))
}

// checkJSON reads the message once for what encoding/json lets pass: a key that
// stands twice, deep nesting, more than one value, a byte order mark.
func checkJSON(message []byte) error {
	d := json.NewDecoder(bytes.NewReader(message))
	d.UseNumber()
	if err := checkValue(d, 0); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one value")
	}
	return nil
}

func checkValue(d *json.Decoder, depth int) error {
	if depth > maxDepth {
		return errors.New("nested too deeply")
	}
	token, err := d.Token()
	if err != nil {
		return noEOF(err)
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return nil
	}
	seen := map[string]bool{}
	for d.More() {
		if delim == '{' {
			key, err := d.Token()
			if err != nil {
				return noEOF(err)
			}
			name, _ := key.(string)
			if seen[name] {
				return duplicateKeyError(name)
			}
			seen[name] = true
		}
		if err := checkValue(d, depth+1); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return noEOF(err)
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// StringParam reads a string member; "" where it is absent and may be.
func (r Request) StringParam(name string, required bool) (string, *Error) {
	raw, present := r.params[name]
	if !present && !required {
		return "", nil
	}
	var value *string
	if err := json.Unmarshal(raw, &value); err != nil || value == nil {
		return "", InvalidParams("params." + name + " must be a string")
	}
	return *value, nil
}
