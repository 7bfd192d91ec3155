package strictjson

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// FuzzPlain: what is read in one pass is what Check accepts, with the same members.
func FuzzPlain(f *testing.F) {
	for _, seed := range []string{
		`{"a":"b"}`, ` {"a":{"b":"c","d":{}}, "e":"f"} `, "{\"a\":\"\x7f\"}", `{"a":"b","a":"c"}`, `{"a":{"x":"1","x":"2"}}`, `{"a":"b",}`, "{\"a\":\"b\"}\x00", `{"":"","b":{"":{}}}`,
	} {
		f.Add([]byte(seed))
	}
	for depth := MaxDepth - 1; depth <= MaxDepth+1; depth++ {
		for _, inmost := range []string{`{}`, `"x"`} {
			f.Add([]byte(strings.Repeat(`{"a":`, depth) + inmost + strings.Repeat(`}`, depth)))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		members, ok := plainObject(text)
		if !ok {
			return
		}
		if err := Check(text); err != nil {
			t.Fatalf("%q is read, and Check says: %v", text, err)
		}
		var want map[string]json.RawMessage
		if err := json.Unmarshal(text, &want); err != nil || len(want) != len(members) {
			t.Fatalf("%q: %q, %v", text, members, err)
		}
		for name, value := range want {
			if !bytes.Equal(members[name], value) {
				t.Errorf("%q: %q, want %q", name, members[name], value)
			}
		}
	})
}
