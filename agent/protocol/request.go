package protocol

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/cpx-bridge/cpx-bridge/internal/lazyregexp"
	"github.com/cpx-bridge/cpx-bridge/internal/strictjson"
)

// Request is one JSON-RPC 2.0 request.
type Request struct {
	ID     json.RawMessage // a string or an integer, as the page wrote it
	Method string

	params map[string]json.RawMessage
}

var nullID = json.RawMessage("null")

// integer is what an id may be beside a string. A browser's numbers are exact
// up to 2^53, sixteen digits.
var integer = lazyregexp.New(`^-?(0|[1-9][0-9]{0,15})$`)

// ParseRequest reads one message. On an error the id to answer with is
// returned too: the request's where it is known, else null.
func ParseRequest(message []byte) (Request, json.RawMessage, *Error) {
	object, err := strictjson.Object(message)
	var duplicate *strictjson.DuplicateError
	switch {
	case errors.As(err, &duplicate):
		return Request{}, nullID, invalidRequest(err.Error())
	case errors.Is(err, strictjson.ErrNotObject):
		return Request{}, nullID, invalidRequest("the message is not one object (batches are not taken)")
	case err != nil:
		return Request{}, nullID, newError(CodeParse, "", "the message is not JSON: "+err.Error())
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
