package protocol

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/fuzzing"
)

// What encoding/json alone would let pass is refused, each with its code.
func TestStrict(t *testing.T) {
	const good = `"jsonrpc":"2.0","id":1,"method":"status"`
	for name, c := range map[string]struct {
		message string
		code    int // 0: taken
	}{
		"good":               {`{` + good + `}`, 0},
		"unknown members":    {`{` + good + `,"z":[{"a":1},{"a":2}],"Method":"other"}`, 0},
		"key twice":          {`{` + good + `,"id":2}`, CodeInvalidRequest},
		"key twice, escaped": {`{` + good + `,"\u0069d":2}`, CodeInvalidRequest},
		"key twice, inside":  {`{` + good + `,"params":{"a":{"b":1,"b":1}}}`, CodeInvalidRequest},
		"batch":              {`[{` + good + `}]`, CodeInvalidRequest},
		"null":               {`null`, CodeInvalidRequest},
		"other letter case":  {`{"jsonrpc":"2.0","id":1,"Method":"status"}`, CodeInvalidRequest},
		"two values":         {`{` + good + `}{}`, CodeParse},
		"byte order mark":    {"\uFEFF{" + good + `}`, CodeParse},
		"not UTF-8":          {`{` + good + `,"z":"` + "\xff" + `"}`, CodeParse},
		"nested":             {`{` + good + `,"z":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, CodeParse},
		"cut short":          {`{` + good, CodeParse},
		"nothing":            {``, CodeParse},
	} {
		t.Run(name, func(t *testing.T) {
			r, id, bad := ParseRequest([]byte(c.message))
			if c.code == 0 {
				if bad != nil || r.Method != "status" || string(id) != "1" {
					t.Errorf("%+v, %s, %v", r, id, bad)
				}
				return
			}
			if bad == nil || bad.Code != c.code {
				t.Errorf("%+v, want %d", bad, c.code)
			}
		})
	}
}

// FuzzParseRequest: a request that is taken is what a reader that knows exact names
// alone sees in the same bytes; every answer is JSON that carries the page's own id or
// null, and says nothing at length.
func FuzzParseRequest(f *testing.F) {
	for _, text := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"status"}`, `[]`, `{"id":"a","id":"b"}`, strings.Repeat("[", 100), "\xef\xbb\xbf{}", `{"jsonrpc":"2.0","id":1e3,"method":"x"}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		var r Request
		var id json.RawMessage
		var bad *Error
		if spent := fuzzing.Spent(func() { r, id, bad = ParseRequest(message) }); spent > fuzzing.Air+500*uint64(len(message)) {
			t.Errorf("%d bytes for a message of %d", spent, len(message))
		}
		exact := answered(t, message, id, bad)
		if bad != nil {
			return
		}
		var method, version string
		if json.Unmarshal(exact["method"], &method) != nil || method != r.Method || method == "" || json.Unmarshal(exact["jsonrpc"], &version) != nil || version != "2.0" {
			t.Errorf("taken as %q: %q", r.Method, message)
		}
		ask, bad := ParseAuthenticate(r)
		answered(t, message, id, bad)
		if bad != nil {
			return
		}
		var params map[string]json.RawMessage
		var nonce, lang string
		if err := errors.Join(json.Unmarshal(exact["params"], &params), json.Unmarshal(params["challengeNonce"], &nonce)); err != nil || nonce != ask.ChallengeNonce || authtoken.CheckNonce(nonce) != nil {
			t.Errorf("nonce %q: %v in %q", ask.ChallengeNonce, err, message)
		}
		if text, present := params["lang"]; present && (json.Unmarshal(text, &lang) != nil || string(text) == "null") || lang != ask.Lang {
			t.Errorf("language %q in %q", ask.Lang, message)
		}
	})
}

// answered checks the answer to a message, and returns the message's members.
func answered(t *testing.T, message []byte, id json.RawMessage, bad *Error) (exact map[string]json.RawMessage) {
	var answer struct {
		ID    json.RawMessage `json:"id"`
		Error *Error          `json:"error"`
	}
	text := Reply(id, struct{}{}, bad)
	if err := json.Unmarshal(text, &answer); err != nil || len(text) > 1024 || bytes.ContainsAny(text, "\r\n") {
		t.Fatalf("%q is answered %q: %v", message, text, err)
	}
	if bad != nil && (answer.Error == nil || answer.Error.Code != bad.Code || answer.Error.Message != bad.Message) {
		t.Errorf("the error %v is answered %q", bad, text)
	}
	if string(id) == "null" {
		if bad == nil {
			t.Errorf("taken without an id: %q", message)
		}
		return nil
	}
	var mine, theirs any
	if json.Unmarshal(message, &exact) != nil || json.Unmarshal(exact["id"], &mine) != nil || json.Unmarshal(answer.ID, &theirs) != nil || mine != theirs {
		t.Errorf("%q is answered with the id %s", message, answer.ID)
	}
	switch n := mine.(type) {
	case string:
	case float64:
		if n != math.Trunc(n) || math.Abs(n) >= 1e16 {
			t.Errorf("the id %s is taken", exact["id"])
		}
	default:
		t.Errorf("the id %s is taken", exact["id"])
	}
	return exact
}
