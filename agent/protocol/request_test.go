package protocol

import (
	"encoding/json"
	"strings"
	"testing"
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

func FuzzParseRequest(f *testing.F) {
	for _, text := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"status"}`, `[]`, `{"id":"a","id":"b"}`, strings.Repeat("[", 100), "\xef\xbb\xbf{}", `{"jsonrpc":"2.0","id":1e3,"method":"x"}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		r, id, bad := ParseRequest(message)
		if bad == nil && (r.Method == "" || !json.Valid(r.ID)) {
			t.Errorf("taken without method or id: %q", message)
		}
		if !json.Valid(id) {
			t.Errorf("an answer with the id %q would not be JSON", id)
		}
	})
}
