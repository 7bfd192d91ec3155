// Package fuzzing finds and runs the module's fuzz targets: every parser that data
// from outside reaches has one, and inputs.toml says which, and what an attacker
// would want of it. Program run is what `make fuzz` starts.
//
// The corpus has two parts. Seeds in testdata/fuzz, which `go test` plays too, are of
// real shapes and of hostile ones; inputs that fuzzing found are added to them by
// Retain, in bounded number, where they reach code that no seed reaches. What else
// fuzzing found stays in Go's cache, where the next run on the same machine goes on.
//
// Spent and Folder are for the targets themselves. Targets and Run may be called concurrently;
// Retain writes into the module's folders and may not.
package fuzzing

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
)

// Target is one fuzz target.
type Target struct {
	Package string // its folder below the module's, with slashes
	Name    string // of the function
}

func (t Target) String() string { return t.Package + " " + t.Name }

// Seeds is the folder of its seeds, below the module's.
func (t Target) Seeds() string {
	return filepath.Join(filepath.FromSlash(t.Package), "testdata", "fuzz", t.Name)
}

// Targets are the targets of the module in the folder root, in order.
func Targets(root string) ([]Target, error) {
	var all []Target
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if path != root && otherModule(path) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		folder, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		names, err := declared(path)
		for _, name := range names {
			all = append(all, Target{filepath.ToSlash(folder), name})
		}
		return err
	})
	slices.SortFunc(all, func(a, b Target) int {
		return cmp.Or(cmp.Compare(a.Package, b.Package), cmp.Compare(a.Name, b.Name))
	})
	return all, err
}

// otherModule reports whether a folder holds no package of this module.
func otherModule(path string) bool {
	name := filepath.Base(path)
	if name == "testdata" || name == "node_modules" || name == "build" || strings.HasPrefix(name, ".") {
		return true
	}
	_, err := os.Stat(filepath.Join(path, "go.mod"))
	return err == nil
}

// declared are the fuzz targets of one file.
func declared(path string) ([]string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Fuzz") && len(f.Type.Params.List) == 1 {
			names = append(names, f.Name.Name)
		}
	}
	return names, nil
}

// seedFiles are the files of a folder of seeds, and their length together.
func seedFiles(folder string) (names []string, size int64, err error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, 0, err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return nil, 0, err
		}
		if !info.Mode().IsRegular() {
			return nil, 0, fmt.Errorf("%s is no file", filepath.Join(folder, e.Name()))
		}
		names, size = append(names, e.Name()), size+info.Size()
	}
	return names, size, nil
}

// Spent is how many bytes do allocates, whether they are released again or not: a
// parser must not spend more on a message than in proportion to its length. It is exact
// to a megabyte, and what runs beside it counts too: a bound needs air.
func Spent(do func()) uint64 {
	before := allocated()
	do()
	return allocated() - before
}

// allocated reads a counter: runtime.ReadMemStats would stop the world at each input,
// and make a target twenty times slower.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// Air is what a bound of Spent has beside the proportion.
const Air = 2 << 20

// Folder is a folder for the files of one target, in memory where the system has such
// a place: a disk would take most of the target's time. It goes with the target.
func Folder(f *testing.F) string {
	f.Helper()
	const memory = "/dev/shm"
	if info, err := os.Stat(memory); err != nil || !info.IsDir() {
		return f.TempDir()
	}
	dir, err := os.MkdirTemp(memory, "cpx-fuzz")
	if err != nil {
		return f.TempDir()
	}
	f.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			f.Error(err)
		}
	})
	return dir
}
