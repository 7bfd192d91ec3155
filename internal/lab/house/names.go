package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Name is an identifier where it is declared.
type Name struct {
	Name    string
	Package string // the folder, below the module's
	File    string // below the module's folder
	Line    int    // 0: the name of the file or folder itself
}

// Names are all that the module's Go files declare: those of every system and
// with every build tag, tests included, those of other modules below root left
// out.
func Names(root string) ([]Name, error) {
	var all []Name
	folders := map[string]bool{}
	err := goFiles(root, func(path, file string) error {
		folder := filepath.ToSlash(filepath.Dir(file))
		if !folders[folder] {
			folders[folder] = true
			all = append(all, Name{Name: filepath.Base(folder), Package: folder, File: folder})
		}
		all = append(all, Name{Name: strings.TrimSuffix(filepath.Base(file), ".go"), Package: folder, File: filepath.ToSlash(file)})
		declared, err := declaredIn(path)
		for _, n := range declared {
			n.Package, n.File = folder, filepath.ToSlash(file)
			all = append(all, n)
		}
		return err
	})
	return all, err
}

// skipped are the folders that hold no package of this module.
func skipped(root, path string) bool {
	if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil {
		return true
	}
	name := filepath.Base(path)
	return name == "testdata" || name == "node_modules" || strings.HasPrefix(name, ".") || path == filepath.Join(root, "build")
}

func declaredIn(path string) ([]Name, error) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var names []Name
	add := func(idents ...*ast.Ident) {
		for _, i := range idents {
			if i != nil && i.Name != "_" {
				names = append(names, Name{Name: i.Name, Line: set.Position(i.Pos()).Line})
			}
		}
	}
	add(file.Name)
	ast.Inspect(file, func(n ast.Node) bool {
		add(declared(n)...)
		return true
	})
	return names, nil
}

// declared are the identifiers that a node declares. What it only uses was
// named elsewhere.
func declared(n ast.Node) []*ast.Ident {
	switch n := n.(type) {
	case *ast.FuncDecl:
		return []*ast.Ident{n.Name}
	case *ast.TypeSpec:
		return []*ast.Ident{n.Name}
	case *ast.ImportSpec:
		return []*ast.Ident{n.Name}
	case *ast.LabeledStmt:
		return []*ast.Ident{n.Label}
	case *ast.ValueSpec:
		return n.Names
	case *ast.Field:
		return n.Names
	case *ast.AssignStmt:
		if n.Tok == token.DEFINE {
			return idents(n.Lhs)
		}
	case *ast.RangeStmt:
		if n.Tok == token.DEFINE {
			return idents([]ast.Expr{n.Key, n.Value})
		}
	}
	return nil
}

func idents(expressions []ast.Expr) []*ast.Ident {
	var all []*ast.Ident
	for _, e := range expressions {
		if i, ok := e.(*ast.Ident); ok {
			all = append(all, i)
		}
	}
	return slices.Clip(all)
}
