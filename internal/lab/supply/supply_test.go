package supply

import (
	"bytes"
	"errors"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

const root = "../../.."

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

// TestSBOM: the bill of materials of a program names Go and the modules
// that it contains, the same each time, and fails for one without a row.
func TestSBOM(t *testing.T) {
	rows, err := Table(filepath.Join(root, "docs", "dependencies.md"))
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "sbom")
	if out, err := exec.Command("go", "build", "-o", program, "./sbom").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	var one, two bytes.Buffer
	if err := errors.Join(SBOM(&one, program, rows), SBOM(&two, program, rows)); err != nil {
		t.Fatal(err)
	}
	var bom cdx.BOM
	if err := cdx.NewBOMDecoder(bytes.NewReader(one.Bytes()), cdx.BOMFileFormatJSON).Decode(&bom); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range *bom.Components {
		names = append(names, c.Name)
		if c.Licenses == nil || len(*c.Licenses) == 0 || c.Version == "" {
			t.Errorf("%+v", c)
		}
	}
	for _, want := range []string{"std", "github.com/google/licensecheck", "github.com/CycloneDX/cyclonedx-go"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is missing among %v", want, names)
		}
	}
	if !bytes.Equal(one.Bytes(), two.Bytes()) {
		t.Error("two bills of one program differ")
	}
	without := slices.DeleteFunc(slices.Clone(rows), func(r Row) bool { return r.Path == "github.com/google/licensecheck" })
	if err := SBOM(&two, program, without); !errors.Is(err, ErrUnknown) {
		t.Errorf("a module without a row: %v", err)
	}
}

// TestNotices: each module that is in a program has its licence there, others have not.
func TestNotices(t *testing.T) {
	rows, err := Table(filepath.Join(root, "docs", "dependencies.md"))
	if err != nil {
		t.Fatal(err)
	}
	modules, err := Required(t.Context(), root, "go.mod")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := Notices(t.Context(), &out, rows, modules); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{"Go's standard library": true, "github.com/miekg/pkcs11": true, "modernc.org/sqlite": true, "github.com/chromedp/chromedp": false, "github.com/dchest/jsmin": false} {
		if got := strings.Contains(out.String(), "== "+path+" "); got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
}
