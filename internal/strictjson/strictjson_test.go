package strictjson

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for text, want := range map[string]error{
		`{}`: nil, `[]`: nil, `null`: nil, `"a"`: nil, " \t\r\n1 \n": nil, `1e999`: nil, `-0`: nil,
		`{"a":{"a":1},"b":[{"a":1},{"a":2}]}`: nil,
		`{"a":1,"A":2}`:                       nil, // two names
		nested(MaxDepth):                      nil,
		nested(MaxDepth + 2):                  ErrTooDeep,
		strings.Repeat(`{"a":`, 40) + `1` + strings.Repeat(`}`, 40): ErrTooDeep,
		nested(5000):         ErrTooDeep,
		"\uFEFF{}":           ErrByteOrderMark,
		"\uFEFF":             ErrByteOrderMark,
		"{\"a\":\"\xff\"}":   ErrNotUTF8,
		"{\"\xc0\xaf\":1}":   ErrNotUTF8,
		"\xff\xfe{\x00}\x00": ErrNotUTF8, // UTF-16
	} {
		if err := Check([]byte(text)); !errors.Is(err, want) {
			t.Errorf("%.40q: %v, want %v", text, err, want)
		}
	}
}

func TestSyntax(t *testing.T) {
	for _, text := range []string{``, ` `, `{`, `{"a"`, `{"a":`, `[1,`, `"a`, `{}{}`, `1 2`, `{} []`, `{} x`, `{}}`, `[1,]`, `{"a":1,}`, `{a:1}`, `{1:1}`, `'a'`, `nul`, `NaN`, `+1`, `01`, `1.`, `.5`, "\"\t\"", `"\x"`, `"\u12"`, `/**/1`, "\x00", `{"a" 1}`, `{"a":1 "b":2}`, `]`, `[}`, `,`} {
		err := Check([]byte(text))
		var syntax *json.SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestDuplicate(t *testing.T) {
	for text, name := range map[string]string{
		`{"a":1,"a":2}`:                  "a",
		`{"a":1,"b":2,"\u0061":3}`:       "a",
		`{"x":{"deep":[{"b":1,"b":1}]}}`: "b",
		`{"":0,"":0}`:                    "",
		`{"é":1,"\u00e9":1}`:             "é",
		`{"\ud800":1,"\udbff":1}`:        "\uFFFD", // both are read as the same
	} {
		var duplicate *DuplicateError
		if err := Check([]byte(text)); !errors.As(err, &duplicate) || duplicate.Name != name || !strings.Contains(err.Error(), "twice") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestObject(t *testing.T) {
	members, err := Object([]byte(` {"a":[1, 2],"A":"x","\u0062":null} `))
	if err != nil || len(members) != 3 || string(members["a"]) != "[1, 2]" || string(members["A"]) != `"x"` || string(members["b"]) != "null" {
		t.Errorf("%q, %v", members, err)
	}
	if members, err := Object([]byte(`{}`)); err != nil || members == nil || len(members) > 0 {
		t.Errorf("an empty one: %v, %v", members, err)
	}
	for _, text := range []string{`null`, `[{}]`, `"{}"`, `1`} {
		if _, err := Object([]byte(text)); !errors.Is(err, ErrNotObject) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := Object([]byte(`{"a":1,"a":1}`)); err == nil {
		t.Error("a name that stands twice")
	}
}

// FuzzCheck: what is accepted is JSON, and means the same to an independent
// reader.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{`{"jsonrpc":"2.0","id":1,"method":"status"}`, `[]`, `{"id":"a","id":"b"}`, "[[[[", "\uFEFF{}", "{\"\xff\":1}", `{"a":1}{"a":2}`, `{"\u0061":1e400}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := Check(text); err != nil {
			return
		}
		if !json.Valid(text) {
			t.Fatalf("%q is not JSON", text)
		}
		members, err := Object(text)
		if err != nil {
			return
		}
		rewritten, err := json.Marshal(members)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if err := Check(rewritten); err != nil {
			t.Errorf("%q, written again as %q: %v", text, rewritten, err)
		}
	})
}
