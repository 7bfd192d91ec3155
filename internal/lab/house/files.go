package house

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// goFiles calls do with each Go file of the module, and with its path below root:
// files of every system and with every build tag, tests included, those of other
// modules below root left out.
func goFiles(root string, do func(path, file string) error) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if path != root && skipped(root, path) {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(path) != ".go" {
			return nil
		}
		file, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		return do(path, file)
	})
}

// addFiles adds what the files themselves import, because the go command leaves
// out those with a build tag or for another system, and a package of such files
// alone.
func (t Tree) addFiles(root string) error {
	module, err := moduleOf(root)
	if err != nil {
		return err
	}
	return goFiles(root, func(name, file string) error {
		if strings.HasSuffix(file, "_test.go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		folder := path.Dir(filepath.ToSlash(file))
		if folder == "." {
			folder = module // as the go command names it
		}
		p := t[folder]
		if p == nil {
			p = &Package{Path: folder, Name: parsed.Name.Name}
			t[folder] = p
		}
		p.addImports(module, parsed.Imports)
		return nil
	})
}

func (p *Package) addImports(module string, specs []*ast.ImportSpec) {
	for _, spec := range specs {
		imported, _ := strconv.Unquote(spec.Path.Value) // the parser has read it
		if in := below(module, imported); in != imported && !slices.Contains(p.Imports, in) {
			p.Imports = append(p.Imports, in)
		}
	}
}

var moduleLine = regexp.MustCompile(`(?m)^module\s+(\S+)`)

func moduleOf(root string) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return "", err
	}
	m := moduleLine.FindSubmatch(text)
	if m == nil {
		return "", fmt.Errorf("%s/go.mod names no module", root)
	}
	return string(m[1]), nil
}

// Linked are the places where a file reaches into another package without an
// import, which no rule would see.
func Linked(root string) (faults []string, err error) {
	err = goFiles(root, func(name, file string) error {
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, group := range parsed.Comments {
			for _, c := range group.List {
				if strings.HasPrefix(c.Text, "//go:linkname") {
					faults = append(faults, fmt.Sprintf("%s:%d has a go:linkname", filepath.ToSlash(file), set.Position(c.Pos()).Line))
				}
			}
		}
		return nil
	})
	return faults, err
}
