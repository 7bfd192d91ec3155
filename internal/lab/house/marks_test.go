package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// decisive are messages of the log that tell who was let in or refused, or what changed
// in that.
var decisive = regexp.MustCompile(`\b(refused|paused?|signed|not taken|forgotten|remembered|login failed|others may)\b`)

// unmarked are messages that only sound so.
var unmarked = []string{"always cannot be asked", "sites are not remembered", "the site cannot be remembered", "the PC/SC service refuses this session"}

// TestMarks: a line of the log that tells who was let in or refused bears a mark of
// internal/audit, so that no other line pushes it out.
func TestMarks(t *testing.T) {
	found := 0
	documented := markedLines(t)
	for _, pattern := range []string{"../../../agent/*.go", "../../../agent/*/*.go", "../../../pkcs11/*.go", "../../../cmd/cpx-agent/*.go", "../../../tray/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			positions := token.NewFileSet()
			tree, err := parser.ParseFile(positions, file, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(tree, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok || !logs(call) {
					return true
				}
				text, err := strconv.Unquote(call.Args[0].(*ast.BasicLit).Value)
				if mark, ok := call.Args[len(call.Args)-1].(*ast.SelectorExpr); ok && err == nil && isName(mark.X, "audit") {
					if want := strings.ToLower(mark.Sel.Name); documented[text] == "" {
						t.Errorf("%s: docs/administrators.md does not say what %q means", positions.Position(call.Pos()), text)
					} else if documented[text] != want && documented[text] != "seen" {
						t.Errorf("%s: docs/administrators.md has %q under %s, not %s", positions.Position(call.Pos()), text, documented[text], want)
					}
					documented[text] = "seen"
				}
				if err != nil || !decisive.MatchString(text) {
					return true
				}
				for _, except := range unmarked {
					if strings.HasPrefix(text, except) {
						return true
					}
				}
				found++
				if mark, ok := call.Args[len(call.Args)-1].(*ast.SelectorExpr); !ok || !isName(mark.X, "audit") {
					t.Errorf("%s: %q ends without a mark of internal/audit", positions.Position(call.Pos()), text)
				}
				return true
			})
		}
	}
	for text, state := range documented {
		if state != "seen" {
			t.Errorf("docs/administrators.md explains %q, which no line says", text)
		}
	}
	if found < 8 {
		t.Errorf("only %d lines were found", found)
	}
}

// markedLines are the messages that docs/administrators.md explains, with their mark.
func markedLines(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../../../docs/administrators.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, begins := strings.Cut(string(text), "<!-- marked lines -->")
	table, _, ends := strings.Cut(table, "<!-- /marked lines -->")
	if !begins || !ends {
		t.Fatal("docs/administrators.md has no table of marked lines")
	}
	all := map[string]string{}
	for _, row := range strings.Split(table, "\n") {
		cells := strings.Split(row, "|")
		if len(cells) < 4 || !strings.Contains(cells[1], "`") || strings.TrimSpace(cells[2]) == "`audit`" {
			continue
		}
		for i, message := range strings.Split(cells[1], "`") {
			if i%2 == 1 {
				all[message] = strings.Trim(cells[2], " `")
			}
		}
	}
	return all
}

// logs reports whether a call writes a line of the log above debug.
func logs(call *ast.CallExpr) bool {
	f, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || len(call.Args) == 0 || f.Sel.Name != "Info" && f.Sel.Name != "Warn" && f.Sel.Name != "Error" {
		return false
	}
	text, ok := call.Args[0].(*ast.BasicLit)
	return ok && text.Kind == token.STRING
}

func isName(e ast.Expr, name string) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == name
}
