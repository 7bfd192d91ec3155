package house

import (
	"fmt"
	"maps"
	"slices"
)

// A rule returns a sentence for each place where the tree breaks it.

// OneName: no two packages of one name, programs aside.
func OneName(t Tree) (faults []string) {
	first := map[string]string{}
	for _, path := range t.paths() {
		name := t[path].Name
		switch {
		case name == "main":
		case first[name] != "":
			faults = append(faults, fmt.Sprintf("%s and %s are both package %s", first[name], path, name))
		default:
			first[name] = path
		}
	}
	return faults
}

// Leaves: what stands on the first shelf of internal/ is used by the product,
// not by tests alone, and imports only its like.
func Leaves(t Tree) (faults []string) {
	for _, path := range t.paths() {
		if !isLeaf(path) {
			continue
		}
		if !slices.ContainsFunc(t.importers(path), func(p string) bool { return !in(p, "internal/lab/...") }) {
			faults = append(faults, path+" is not used by the product: it belongs on internal/lab")
		}
		for _, imported := range t[path].Imports {
			if !isLeaf(imported) {
				faults = append(faults, fmt.Sprintf("%s is a leaf and imports %s", path, imported))
			}
		}
	}
	return faults
}

// Kit: what cpx-card ships is imported by no other program, and by what the tests of
// portals use.
func Kit(t Tree) (faults []string) {
	for _, path := range t.paths() {
		if !in(path, "internal/kit/...") {
			continue
		}
		for _, p := range t.importers(path) {
			if !in(p, "cmd/cpx-card", "cardlogin/cardlogintest", "internal/kit/...", "internal/lab/...") {
				faults = append(faults, fmt.Sprintf("%s imports %s, which is for cpx-card and tests", p, path))
			}
		}
	}
	return faults
}

// Lab: what only tests use is in no program that people install.
func Lab(t Tree) (faults []string) {
	for _, path := range t.paths() {
		if in(path, "internal/lab/...") {
			continue
		}
		for _, imported := range t[path].Imports {
			if in(imported, "internal/lab/...") {
				faults = append(faults, fmt.Sprintf("%s imports %s, which is for tests", path, imported))
			}
		}
	}
	return faults
}

// Arrows: each package outside internal/ and cmd/ imports what its row allows,
// leaves aside, which are for all. A package without a row, and a row without a
// package, are faults too.
func Arrows(t Tree, allowed map[string][]string) (faults []string) {
	for _, path := range t.paths() {
		row, listed := allowed[path]
		if in(path, "internal/...", "cmd/...") {
			continue
		}
		if !listed {
			faults = append(faults, path+" has no row in arrows.go")
			continue
		}
		for _, imported := range t[path].Imports {
			if !isLeaf(imported) && !slices.Contains(row, imported) {
				faults = append(faults, fmt.Sprintf("%s imports %s, which its row in arrows.go does not allow", path, imported))
			}
		}
	}
	for _, path := range slices.Sorted(maps.Keys(allowed)) {
		if t[path] == nil {
			faults = append(faults, "arrows.go has a row for "+path+", which is not there")
		}
	}
	return faults
}

// Apart: a package needs none of those that its row names, not through others
// either.
func Apart(t Tree, never map[string][]string) (faults []string) {
	for _, path := range slices.Sorted(maps.Keys(never)) {
		if t[path] == nil {
			faults = append(faults, "arrows.go has a row for "+path+", which is not there")
			continue
		}
		brought := t.deps(path)
		for _, dep := range never[path] {
			if by := brought[dep]; by != "" {
				faults = append(faults, fmt.Sprintf("%s depends on %s, through %s", path, dep, by))
			}
		}
	}
	return faults
}
