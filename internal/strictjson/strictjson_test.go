package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tailscale/hujson"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/fuzzing"
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

// FuzzCheck: what is accepted is exactly what another parser reads, whose tree has no
// name twice in one object and is no deeper.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{`{"jsonrpc":"2.0","id":1,"method":"status"}`, `[]`, `{"id":"a","id":"b"}`, "[[[[", "\uFEFF{}", "{\"\xff\":1}", `{"a":1}{"a":2}`, `{"\u0061":1e400}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var err error
		if spent := fuzzing.Spent(func() { err = Check(text) }); spent > fuzzing.Air+400*uint64(len(text)) {
			t.Errorf("%d bytes for a text of %d", spent, len(text))
		}
		tree, otherErr := hujson.Parse(bytes.Clone(text))
		sound := otherErr == nil && tree.IsStandard() && utf8.Valid(text) && !bytes.HasPrefix(text, []byte("\uFEFF"))
		if want := sound && unambiguous(tree, 0); (err == nil) != want {
			t.Fatalf("%q: %v, and another parser: %v, %v", text, err, want, otherErr)
		}
		if err != nil {
			if len(err.Error()) > 400 {
				t.Errorf("an error of %d bytes: %.100s", len(err.Error()), err)
			}
			return
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

// unambiguous reports whether no object in v has a name twice and nothing is too deep.
func unambiguous(v hujson.Value, depth int) bool {
	if depth > MaxDepth {
		return false
	}
	switch x := v.Value.(type) {
	case *hujson.Object:
		names := map[string]bool{}
		for _, m := range x.Members {
			name := m.Name.Value.(hujson.Literal).String()
			if names[name] || !unambiguous(m.Value, depth+1) {
				return false
			}
			names[name] = true
		}
	case *hujson.Array:
		for _, e := range x.Elements {
			if !unambiguous(e, depth+1) {
				return false
			}
		}
	}
	return true
}
