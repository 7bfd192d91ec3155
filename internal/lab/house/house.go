// Package house holds the structure of the module in place: which package may
// import which, the three shelves of internal/, and the words that identifiers
// are made of. Its tests fail where the tree and docs/architecture.md disagree.
// It is for tests only, and reads the source without running any of it.
package house

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Systems are those that the product is built for. What only one of them imports
// is imported.
var Systems = []string{"linux", "windows", "darwin"}

// Package is one package of the module.
type Package struct {
	Path    string // below the module's path: "agent/policy"
	Name    string
	Imports []string // of this module, by its files that are no tests, on any system and with any tag
}

// Tree is the module's packages by path.
type Tree map[string]*Package

// Read lists the packages of the module whose folder is root: those that the go
// command builds on Systems, and what stands in files that it leaves out there.
func Read(root string) (Tree, error) {
	tree := Tree{}
	for _, system := range Systems {
		if err := tree.add(root, system); err != nil {
			return nil, fmt.Errorf("%s: %w", system, err)
		}
	}
	if err := tree.addFiles(root); err != nil {
		return nil, err
	}
	return tree, nil
}

func (t Tree) add(root, system string) error {
	list := exec.Command("go", "list", "-test=false", "-json=ImportPath,Name,Imports,Module", "./...")
	list.Dir = root
	// With cgo, for files that need it count too; nothing is compiled here.
	list.Env = append(os.Environ(), "GOOS="+system, "CGO_ENABLED=1")
	out, err := list.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return fmt.Errorf("go list: %w\n%s", err, exit.Stderr)
	} else if err != nil {
		return err
	}
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath, Name string
			Imports          []string
			Module           struct{ Path string }
		}
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		path := below(p.Module.Path, p.ImportPath)
		if t[path] == nil {
			t[path] = &Package{Path: path, Name: p.Name}
		}
		for _, imported := range p.Imports {
			if in := below(p.Module.Path, imported); in != imported && !slices.Contains(t[path].Imports, in) {
				t[path].Imports = append(t[path].Imports, in)
			}
		}
	}
}

// below is path without the module's own, or path as it is.
func below(module, path string) string {
	if in, ok := strings.CutPrefix(path, module+"/"); ok {
		return in
	}
	return path
}

// paths are the packages in order, so that failures come in one.
func (t Tree) paths() []string { return slices.Sorted(maps.Keys(t)) }

// importers are the packages whose own code, tests aside, imports path.
func (t Tree) importers(path string) []string {
	var all []string
	for _, p := range t.paths() {
		if slices.Contains(t[p].Imports, path) {
			all = append(all, p)
		}
	}
	return all
}

// deps are all packages of the module that path needs, itself aside, each with
// the one that brings it.
func (t Tree) deps(path string) map[string]string {
	brought := map[string]string{}
	var walk func(string)
	walk = func(from string) {
		if t[from] == nil {
			return
		}
		for _, to := range t[from].Imports {
			if _, known := brought[to]; !known && to != path {
				brought[to] = from
				walk(to)
			}
		}
	}
	walk(path)
	return brought
}

// in says whether path is one of the patterns: a path, or all below "folder/...".
func in(path string, patterns ...string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		folder, all := strings.CutSuffix(p, "/...")
		return path == p || all && strings.HasPrefix(path, folder+"/")
	})
}

// isLeaf says whether path stands on the first shelf of internal/.
func isLeaf(path string) bool {
	return in(path, "internal/...") && !in(path, "internal/kit/...", "internal/lab/...")
}

// Root is the module's folder, seen from a folder in it.
func Root(from string) (string, error) {
	dir, err := filepath.Abs(from)
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no go.mod above %s", from)
		}
		dir = filepath.Dir(dir)
	}
}
