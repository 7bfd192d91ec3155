package supply

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// free are the licences under which a module may go into a program.
var free = []string{"MIT", "BSD-2-Clause", "BSD-2-Clause-Views", "BSD-3-Clause", "Apache-2.0", "ISC"}

// TestDependencies holds the table against the modules: each that is required has a
// row with a reason, its licence is the one in its files, it is where the row says, and
// what goes into a program may.
func TestDependencies(t *testing.T) {
	rows, err := Table(filepath.Join(root, "docs", "dependencies.md"))
	if err != nil {
		t.Fatal(err)
	}
	contents, err := Contents(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	for _, modfile := range []string{"go.mod", filepath.Join("tools", "go.mod")} {
		modules, err := Required(t.Context(), root, modfile)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range modules {
			i := slices.IndexFunc(rows, func(r Row) bool { return r.Path == m.Path })
			if i < 0 {
				t.Errorf("%s requires %s, which has no row in docs/dependencies.md", modfile, m.Path)
				continue
			}
			checkRow(t, rows[i], m, modfile, contents)
		}
	}
	var seen []string
	for _, r := range rows {
		if slices.Contains(seen, r.Path) {
			t.Errorf("%s has two rows", r.Path)
		}
		seen = append(seen, r.Path)
	}
}

func checkRow(t *testing.T, r Row, m Module, modfile string, contents map[string]map[string]bool) {
	t.Helper()
	names, _, err := Licences(m.Dir)
	if err != nil || !slices.Equal(names, r.Licences) {
		t.Errorf("%s: the table says %v, its files %v (%v)", m.Path, r.Licences, names, err)
	}
	if len(strings.Fields(r.Why)) < 3 {
		t.Errorf("%s: why it is needed: %q", m.Path, r.Why)
	}
	want := where(m.Path, contents)
	if modfile != "go.mod" {
		if !slices.Contains(r.In, Tools) {
			t.Errorf("%s: %s requires it, the table says it is in %v", m.Path, modfile, r.In)
		}
		return
	}
	if got := slices.DeleteFunc(slices.Clone(r.In), func(s string) bool { return s == Tools }); !slices.Equal(got, want) && !(len(got) == 0 && slices.Equal(want, []string{Nothing})) {
		t.Errorf("%s: the table says it is in %v, the go command %v", m.Path, r.In, want)
	}
	for _, name := range names {
		if !slices.Contains(free, name) && !slices.Equal(want, []string{Nothing}) && !slices.Equal(want, []string{Tests}) {
			t.Errorf("%s is under %s and goes into %v", m.Path, name, want)
		}
	}
}

func where(module string, contents map[string]map[string]bool) (list []string) {
	for _, program := range Programs {
		if contents[program][module] {
			list = append(list, program)
		}
	}
	switch {
	case len(list) > 0:
		return list
	case contents[Tests][module]:
		return []string{Tests}
	}
	return []string{Nothing}
}
