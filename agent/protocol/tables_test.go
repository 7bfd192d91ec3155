package protocol

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// declared are the constants of a file of this package: each name with its type,
// where one is written, and its literal.
func declared(t *testing.T, file string) (names, kinds, literals []string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		c, ok := n.(*ast.ValueSpec)
		if !ok || len(c.Names) != 1 || len(c.Values) != 1 {
			return true
		}
		kind, _ := c.Type.(*ast.Ident)
		if literal, ok := c.Values[0].(*ast.BasicLit); ok {
			names, literals = append(names, c.Names[0].Name), append(literals, literal.Value)
			if kinds = append(kinds, ""); kind != nil {
				kinds[len(kinds)-1] = kind.Name
			}
		}
		return true
	})
	return names, kinds, literals
}

// TestEveryCodeHasItsReason: a code without a row in the table would reach a page
// with neither reason nor message.
func TestEveryCodeHasItsReason(t *testing.T) {
	names, _, literals := declared(t, "errors.go")
	seen := map[string]string{}
	found := 0
	for i, name := range names {
		if !strings.HasPrefix(name, "Code") {
			continue // JSON-RPC's own are negative, and so no literals
		}
		found++
		code, err := strconv.Atoi(literals[i])
		if err != nil {
			t.Fatal(err)
		}
		e := Fail(code)
		if e.Message == "" || e.Data == nil || e.Data.Reason == "" {
			t.Errorf("%s (%d) has no row in reasons: %+v", name, code, e)
			continue
		}
		if other := seen[e.Data.Reason]; other != "" {
			t.Errorf("%s and %s have the same reason", other, name)
		}
		seen[e.Data.Reason] = name
	}
	if found != len(reasons) {
		t.Errorf("%d codes are declared, %d have a reason", found, len(reasons))
	}
}

// TestProgressStates: the list that pages are compared with is the whole of it.
func TestProgressStates(t *testing.T) {
	_, kinds, literals := declared(t, "protocol.go")
	var want []Progress
	for i, kind := range kinds {
		if kind != "Progress" {
			continue
		}
		text, err := strconv.Unquote(literals[i])
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, Progress(text))
	}
	if got := ProgressStates(); len(want) == 0 || !slices.Equal(got, want) {
		t.Errorf("listed %q, declared %q", got, want)
	}
}
