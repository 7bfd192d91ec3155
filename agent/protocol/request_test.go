package protocol

import (
	"encoding/json"
	"strings"
	"testing"
)

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
