package texts

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// root is the module's folder.
const root = "../.."

// TestUse reads the module's source: each key in it is in the catalogue and has as
// many values as its text takes, and each text is used.
func TestUse(t *testing.T) {
	u := uses{texts: all(t), used: map[Key]bool{}}
	walk(t, u.readFile)
	for _, fault := range append(u.faults, u.unused()...) {
		t.Error(fault)
	}
}

// silent are the folders that show nothing of the catalogue: code for tests only,
// this package, and files that are built or downloaded.
var silent = []string{"internal/lab", "internal/texts", "js", "build", ".git"}

// walk reads the module's files, tests aside.
func walk(t *testing.T, readFile func(path string) error) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains(silent, inModule(path)):
			return filepath.SkipDir
		case d.IsDir() || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		return readFile(path)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// inModule is a path below the module's folder.
func inModule(path string) string {
	return filepath.ToSlash(strings.TrimPrefix(path, filepath.FromSlash(root)+string(filepath.Separator)))
}

// noKeys resemble keys but are names of files.
var noKeys = []string{"sites.sealed", "sites.next", "sites.lock", "portal.db"}

// uses is the use that the source makes of the catalogue.
type uses struct {
	texts  section
	used   map[Key]bool
	faults []string
}

func (u *uses) readFile(path string) error {
	var read func(string, []byte) error
	switch filepath.Ext(path) {
	case ".go":
		read = u.code
	case ".html":
		read = u.page
	default:
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return read(path, text)
}

// page reads a template, where the function t shows a text.
func (u *uses) page(path string, text []byte) error {
	for _, m := range regexp.MustCompile(`\bt "([^"]*)"`).FindAllSubmatch(text, -1) {
		u.key(path, Key(m[1]))
	}
	return nil
}

// code reads a Go file for keys and calls.
func (u *uses) code(path string, text []byte) error {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, text, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	groups := map[ast.Node]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if lit := u.call(files.Position(n.Pos()).String(), n); lit != nil {
				groups[lit] = true
			}
		case *ast.BasicLit:
			if said, ok := unquote(n); ok && !groups[n] && u.resemblesKey(said) {
				u.key(files.Position(n.Pos()).String(), Key(said))
			}
		}
		return true
	})
	return nil
}

// call reads a call of one of [Catalogue]'s methods whose key is written out. It
// returns a literal that names a group, which is not a key.
func (u *uses) call(where string, call *ast.CallExpr) *ast.BasicLit {
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || len(call.Args) == 0 {
		return nil
	}
	lit, ok := call.Args[0].(*ast.BasicLit)
	if !ok {
		return nil
	}
	said, ok := unquote(lit)
	if !ok {
		return nil
	}
	values := len(call.Args) - 1
	switch key := Key(said); method.Sel.Name {
	case "Code":
		u.group(where, key, values-1, call.Ellipsis == token.NoPos)
		return lit
	case "Text", "Plural":
		text, known := u.texts[key]
		if !known && !u.resemblesKey(said) { // else code reports it, among the strings
			u.fault(where, "%s is not in the catalogue", key)
		}
		if want := len(verbs.FindAllString(text[french].other, -1)); known && want != values && call.Ellipsis == token.NoPos {
			u.fault(where, "%s takes %d values, not %d", key, want, values)
		}
		if plural := method.Sel.Name == "Plural"; known && plural != (text[french].one != "") {
			u.fault(where, "%s has forms for numbers or has not, other than this call", key)
		}
	}
	return nil
}

// resemblesKey distinguishes keys from other strings by a section's name.
func (u *uses) resemblesKey(said string) bool {
	name, _, _ := strings.Cut(said, ".")
	_, section := sections[name]
	return section && written.MatchString(said) && !slices.Contains(noKeys, said)
}

func (u *uses) key(where string, key Key) {
	if _, ok := u.texts[key]; !ok {
		u.fault(where, "%s is not in the catalogue", key)
	}
	u.used[key] = true
}

// group marks all texts of a group as used, with that many values where counted.
func (u *uses) group(where string, group Key, values int, counted bool) {
	found := false
	for key, text := range u.texts {
		code, ok := strings.CutPrefix(string(key), string(group)+".")
		if !ok || strings.Contains(code, ".") {
			continue
		}
		u.used[key], found = true, true
		if want := len(verbs.FindAllString(text[french].other, -1)); counted && want != values {
			u.fault(where, "%s takes %d values, not %d", key, want, values)
		}
	}
	if !found {
		u.fault(where, "the catalogue has no group %s", group)
	}
}

func (u *uses) unused() (list []string) {
	for _, key := range slices.Sorted(maps.Keys(u.texts)) {
		if !u.used[key] {
			list = append(list, string(key)+" is never shown")
		}
	}
	return list
}

func (u *uses) fault(where, format string, values ...any) {
	u.faults = append(u.faults, inModule(where)+": "+fmt.Sprintf(format, values...))
}

func unquote(lit *ast.BasicLit) (string, bool) {
	if lit.Kind != token.STRING {
		return "", false
	}
	said, err := strconv.Unquote(lit.Value)
	return said, err == nil
}

// TestUses: each fault of a source is found, and a faultless source has none.
func TestUses(t *testing.T) {
	play(t)
	for name, c := range map[string]struct{ file, source, want string }{
		"good":             {"a.go", `t.Text("played.hello", x); t.Plural("played.cards", n, x); t.Code("played.reason", x)`, ""},
		"good, in a table": {"a.go", `texts := []texts.Key{"played.hello", "played.cards", "played.reason.not_pkcs11"}; t.Text(texts[0], x)`, ""},
		"good, spread":     {"a.go", `t.Text("played.hello", x...); t.Plural("played.cards", n, x); t.Text("played.reason.not_pkcs11")`, ""},
		"good, on a page":  {"a.html", `{{t "played.hello" .X}}{{t "played.cards"}}{{if t "played.reason.not_pkcs11"}}`, ""},
		"of others":        {"a.go", `t.Text("played.hello", x); r.Text(lang); t.Plural("played.cards", n, x); t.Code("played.reason", x); open("other.json")`, ""},
		"unknown":          {"a.go", `t.Text("played.nothing")`, "a.go:1:30: played.nothing is not in the catalogue"},
		"unknown section":  {"a.go", `t.Text("plaid.hello", x)`, "plaid.hello is not in the catalogue"},
		"in a table":       {"a.go", `k := []texts.Key{"played.nothing"}`, "played.nothing is not in the catalogue"},
		"on a page":        {"a.html", `{{t "played.nothing"}}`, "a.html: played.nothing is not in the catalogue"},
		"too few values":   {"a.go", `t.Text("played.hello")`, "played.hello takes 1 values, not 0"},
		"too many values":  {"a.go", `t.Plural("played.cards", n, x, y)`, "played.cards takes 2 values, not 3"},
		"forms not asked":  {"a.go", `t.Text("played.cards", n, x)`, "forms"},
		"forms missing":    {"a.go", `t.Plural("played.hello", n)`, "forms"},
		"a group as text":  {"a.go", `t.Text("played.reason")`, "played.reason is not in the catalogue"},
		"a code's values":  {"a.go", `t.Code("played.reason", x, y)`, "played.reason.not_pkcs11 takes 0 values, not 1"},
		"no group":         {"a.go", `t.Code("played.hello", x)`, "no group played.hello"},
		"never":            {"a.go", ``, "played.hello is never shown"},
	} {
		u := uses{texts: sections["played"](), used: map[Key]bool{}}
		var err error
		if strings.HasSuffix(c.file, ".go") {
			err = u.code(c.file, []byte("package a; func a() { "+c.source+" }"))
		} else {
			err = u.page(c.file, []byte(c.source))
		}
		if err != nil {
			t.Fatal(err)
		}
		found := strings.Join(u.faults, "; ")
		if strings.HasSuffix(c.want, "never shown") || c.want == "" {
			found = strings.Join(append(u.faults, u.unused()...), "; ")
		}
		if (found == "") != (c.want == "") || !strings.Contains(found, c.want) {
			t.Errorf("%s: %q, want %q", name, found, c.want)
		}
	}
}
