package cardlogin_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"testing"
)

// TestTwentyLines: the whole portal of the example, and what its page does, is twenty lines, as the
// documents say.
func TestTwentyLines(t *testing.T) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "example_test.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, name := range []string{"newPortal", "showSpace"} {
		does, _ := file.Scope.Lookup(name).Decl.(*ast.FuncDecl)
		n += set.Position(does.Body.Rbrace).Line - set.Position(does.Body.Lbrace).Line - 1
	}
	if n > 20 || n < 10 {
		t.Errorf("the portal has %d lines", n)
	}
}
