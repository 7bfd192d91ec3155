package doctor

import (
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/journal"
	"github.com/cpx-bridge/cpx-bridge/agent/peer"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/jsonschema"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

var update = flag.Bool("update", false, "write doctor.schema.json anew")

// source are the package's files without its tests and the table of codes.
func source(t *testing.T) (files []*ast.File) {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") || name == "codes.go" {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	return files
}

// codesIn are the codes that the source has as texts: in a finding, where a finding's code is
// set, and what is handed to a function that makes one.
func codesIn(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	add := func(e ast.Expr) {
		if l, is := e.(*ast.BasicLit); is {
			code, err := strconv.Unquote(l.Value)
			if err != nil {
				t.Fatal(err)
			}
			found[code] = true
		}
	}
	makers := []string{"say", "otherProgram", "writable"}
	for _, f := range source(t) {
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.KeyValueExpr:
				if key, is := n.Key.(*ast.Ident); is && key.Name == "Code" {
					add(n.Value)
				}
			case *ast.AssignStmt:
				for i, target := range n.Lhs {
					if field, is := target.(*ast.SelectorExpr); is && field.Sel.Name == "Code" && len(n.Rhs) == len(n.Lhs) {
						add(n.Rhs[i])
					}
				}
			case *ast.CallExpr:
				name := ""
				switch f := n.Fun.(type) {
				case *ast.Ident:
					name = f.Name
				case *ast.SelectorExpr:
					name = f.Sel.Name
				}
				if slices.Contains(makers, name) {
					add(n.Args[0])
				}
			}
			return true
		})
	}
	return found
}

// reasonsOfModules are those that a module's finding tells apart.
func reasonsOfModules(t *testing.T) (reasons []string) {
	t.Helper()
	for _, f := range source(t) {
		for _, d := range f.Decls {
			if f, is := d.(*ast.FuncDecl); is && f.Name.Name == "module" {
				ast.Inspect(f, func(n ast.Node) bool {
					if c, is := n.(*ast.CaseClause); is {
						for _, e := range c.List {
							if l, is := e.(*ast.BasicLit); is {
								reason, _ := strconv.Unquote(l.Value)
								reasons = append(reasons, reason)
							}
						}
					}
					return true
				})
			}
		}
	}
	return reasons
}

// TestCodes: the table has each code that the source can give, and no other; each has all that
// is said of it, by names that may be told.
func TestCodes(t *testing.T) {
	found := codesIn(t)
	for _, reason := range pkcs11.Reasons() {
		found["certificate_"+string(reason)] = true
	}
	for _, reason := range []string{state.ReasonPINLocked, state.ReasonPINNotSet, state.ReasonPINExpired} {
		found["certificate_"+reason] = true
	}
	for _, reason := range peer.Reasons() {
		found["callers_"+reason] = true
	}
	for _, reason := range []string{journal.Full, journal.Refused, journal.AuditRefused} {
		found[reason] = true
	}
	d := &doctor{Options: healthy(t)}
	modules := append(reasonsOfModules(t), "another")
	if len(modules) < 8 {
		t.Fatalf("reasons of modules: %q", modules)
	}
	for _, reason := range modules {
		found[d.module(state.Module{Path: "m.so", Error: "x", Reason: reason}).Code] = true
	}
	seen := map[string]bool{}
	for _, c := range Codes() {
		switch {
		case seen[c.Name]:
			t.Errorf("%s stands twice", c.Name)
		case !regexp.MustCompile(`^[a-z][a-z0-9_]*$`).MatchString(c.Name):
			t.Errorf("%q is no name", c.Name)
		case !found[c.Name]:
			t.Errorf("%s is in the table, and nothing finds it", c.Name)
		case c.Meaning == "", len(c.Scopes) == 0, len(c.Outcomes) == 0, c.Outcomes[0] == Problem && c.Cure == "":
			t.Errorf("%s: not all is said of it", c.Name)
		}
		seen[c.Name] = true
	}
	for code := range found {
		if !seen[code] {
			t.Errorf("%s is found, and not in the table of codes.go", code)
		}
	}
	if len(seen) < 100 {
		t.Errorf("%d codes", len(seen))
	}
}

// descriptions are what the schema says of the members.
var descriptions = map[string]string{
	"Report.version":  "of this form: members and codes may be added within it, none is renamed or taken away, and none changes its meaning",
	"Report.agent":    "version of the program that looked",
	"Report.system":   "linux, windows or darwin",
	"Report.lang":     "language of text and next",
	"Report.scopes":   "which were looked at",
	"Report.ignored":  "codes that were left out",
	"Report.outcome":  "the worst of all findings: problem, else unknown, else notice, else good",
	"Report.findings": "in the order of the checks",
	"Finding.check":   "the check that found it",
	"Finding.code":    "what was found",
	"Finding.scope":   "machine: the same whoever sits there; person: of who ran doctor; reader: what is plugged in; card: what is put in",
	"Finding.subject": "the module, reader, browser, port, file or key",
	"Finding.outcome": "good; notice: no login fails by it; problem; unknown: it cannot be told from here",
	"Finding.text":    "for people, and free to change",
	"Finding.next":    "what to do, for people",
}

type object map[string]any

// schemaOf is the schema of a type, from its members' tags.
func schemaOf(t *testing.T, of reflect.Type, enums map[reflect.Type][]string) object {
	t.Helper()
	if names, is := enums[of]; is {
		return object{"type": "string", "enum": names}
	}
	switch of.Kind() {
	case reflect.String:
		return object{"type": "string"}
	case reflect.Int:
		return object{"type": "integer"}
	case reflect.Slice:
		return object{"type": "array", "items": schemaOf(t, of.Elem(), enums)}
	case reflect.Struct:
	default:
		t.Fatalf("%s: no schema of such a member", of)
	}
	members, required := object{}, []string{}
	for i := range of.NumField() {
		name, options, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
		m := schemaOf(t, of.Field(i).Type, enums)
		if m["description"] = descriptions[of.Name()+"."+name]; m["description"] == "" {
			t.Errorf("nothing says what %s.%s is", of.Name(), name)
		}
		members[name] = m
		if options != "omitempty" {
			required = append(required, name)
		}
	}
	return object{"type": "object", "properties": members, "required": required}
}

func names[T ~string](list []T) (all []string) {
	for _, x := range list {
		all = append(all, string(x))
	}
	return all
}

// made is the schema as types and table have it.
func made(t *testing.T) []byte {
	t.Helper()
	enums := map[reflect.Type][]string{
		reflect.TypeFor[Outcome](): {"good", "notice", "unknown", "problem"},
		reflect.TypeFor[Scope]():   names(Scopes()),
	}
	s := schemaOf(t, reflect.TypeFor[Report](), enums)
	s["$schema"], s["$id"] = "https://json-schema.org/draft/2020-12/schema", "urn:cpx-bridge:doctor:1"
	s["title"] = "what cpx-agent doctor --json prints"
	s["$comment"] = "Generated from the table of codes: go test ./agent/doctor -run TestSchema -update"
	members := s["properties"].(object)
	members["version"].(object)["const"] = 1
	finding := members["findings"].(object)["items"].(object)
	var any []object
	for _, c := range Codes() {
		one := object{"code": object{"const": c.Name}, "scope": object{"enum": names(c.Scopes)}, "outcome": object{"enum": names(c.Outcomes)}}
		if c.Check != "" {
			one["check"] = object{"const": c.Check}
		}
		meaning := c.Meaning
		if c.Cure != "" {
			meaning += ". What to do: " + c.Cure
		}
		any = append(any, object{"title": c.Name, "description": meaning, "properties": one})
	}
	finding["oneOf"] = any
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}

// TestSchema: the schema that is shipped is the one that types and table make, and a real
// report is as it says, and a changed one not.
func TestSchema(t *testing.T) {
	want := made(t)
	if *update {
		if err := os.WriteFile("doctor.schema.json", want, 0o644); err != nil {
			t.Fatal(err)
		}
	} else if string(want) != string(Schema()) {
		t.Fatal("doctor.schema.json is not what types and table make: go test ./agent/doctor -run TestSchema -update")
	}
	report, err := json.Marshal(Run(t.Context(), healthy(t)))
	if err != nil {
		t.Fatal(err)
	}
	if err := jsonschema.Check(want, report); err != nil {
		t.Fatal(err)
	}
	for _, m := range [][2]string{
		{`"version":1`, `"version":2`}, {`"version":1`, `"version":"1"`}, {`"lang":"en",`, ``}, {`"scopes":["machine"`, `"scopes":["everything"`},
		{`"code":"settings_taken"`, `"code":"settings_applied"`}, {`"check":"settings"`, `"check":"cards"`},
		{`"code":"settings_taken","scope":"machine"`, `"code":"settings_taken","scope":"card"`}, {`"code":"settings_taken","scope":"machine",`, `"code":"settings_taken",`},
		{`"scope":"machine","outcome":"good"`, `"scope":"machine","outcome":"problem"`}, {`"outcome":"good"`, `"outcome":"fine"`}, {`"text":`, `"says":`}, {`"findings":[`, `"findings":[7,`},
	} {
		changed := strings.Replace(string(report), m[0], m[1], 1)
		if changed == string(report) {
			t.Errorf("nothing to change: %s in %s", m[0], report)
		}
		if err := jsonschema.Check(want, []byte(changed)); err == nil {
			t.Errorf("%s passes", m[1])
		}
	}
	// What a later version adds passes.
	if err := jsonschema.Check(want, []byte(strings.Replace(string(report), `"lang":`, `"new":1,"lang":`, 1))); err != nil {
		t.Error(err)
	}
}

// documented is the table of the document.
func documented() string {
	rows := []string{"| code | check | scope | outcome | what it means | what to do |", "|---|---|---|---|---|---|"}
	for _, c := range Codes() {
		check := c.Check
		if check == "" {
			check = "any"
		}
		rows = append(rows, fmt.Sprintf("| `%s` | %s | %s | %s | %s | %s |", c.Name, check, strings.Join(names(c.Scopes), ", "), strings.Join(names(c.Outcomes), ", "), c.Meaning, c.Cure))
	}
	return strings.Join(rows, "\n")
}

// TestDocumentedCodes: the documents' table is that of the source.
func TestDocumentedCodes(t *testing.T) {
	file := filepath.Join("..", "..", "docs", "findings.md")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "<!-- codes -->\n", "\n<!-- /codes -->"
	before, rest, found := strings.Cut(string(text), begin)
	table, after, ends := strings.Cut(rest, end)
	switch {
	case !found || !ends:
		t.Fatal("docs/findings.md has no table of doctor's codes")
	case table == documented():
	case *update:
		if err := os.WriteFile(file, []byte(before+begin+documented()+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Error("the table of codes in docs/findings.md is not that of codes.go: go test ./agent/doctor -run TestDocumentedCodes -update")
	}
}

// asTheSchemaSays fails where a report is not what the schema has.
func asTheSchemaSays(t *testing.T, r Report) {
	t.Helper()
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := jsonschema.Check(Schema(), text); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
}
