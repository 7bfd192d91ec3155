package wintable

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const repository = "../../.."

// notUnits are packages with files for Windows whose own tests do not run there.
var notUnits = map[string]string{
	"cmd/cpx-agent":                  "its own tests run the program of Linux: that of Windows is played by the logins",
	"internal/lab/windowslab/client": "a program of the logins' rows",
	"internal/lab/windowslab/prying": "a program of the logins' rows",
	"pkcs11":                         "its own tests need SoftHSM: it is played from outside (AllPlayed), and its module in the logins",
}

// TestUnits: every package with files for Windows has its row, so that none is forgotten,
// and tests that are left out exist.
func TestUnits(t *testing.T) {
	var found []string
	walk(t, func(path string) {
		dir := filepath.ToSlash(filepath.Dir(path))
		if forWindows.MatchString(path) && !slices.Contains(found, dir) {
			found = append(found, dir)
		}
	})
	if len(found) < 15 {
		t.Errorf("only %d packages with files for Windows are found: this test could not fail", len(found))
	}
	rows := map[string]bool{}
	for _, u := range Units {
		if rows[u.Package] {
			t.Errorf("%s has two rows", u.Package)
		}
		rows[u.Package] = true
		tests := testsOf(t, u.Package)
		if len(tests) == 0 {
			t.Errorf("%s has no test", u.Package)
		}
		for _, name := range u.not() {
			function, _, _ := strings.Cut(name, "/")
			if !slices.Contains(tests, function) {
				t.Errorf("%s: there is no %s to be left out", u.Package, name)
			}
		}
	}
	for _, dir := range found {
		if !rows[dir] && notUnits[dir] == "" {
			t.Errorf("%s has files for Windows and no row in internal/lab/wintable/units.go", dir)
		}
	}
	for dir := range notUnits {
		if !slices.Contains(found, dir) {
			t.Errorf("%s has no file for Windows: it needs no exception", dir)
		}
	}
}

// TestPlayed: every package whose tests run programs in wine 10 is played.
func TestPlayed(t *testing.T) {
	var found []string
	walk(t, func(path string) {
		text, err := os.ReadFile(filepath.Join(repository, path))
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.ToSlash(filepath.Dir(path))
		if strings.HasSuffix(path, "_test.go") && usesWine10.Match(text) && !slices.Contains(found, dir) {
			found = append(found, dir)
		}
	})
	for _, p := range AllPlayed {
		i := slices.Index(found, p.Package)
		if i < 0 {
			t.Errorf("%s does not run anything in wine 10", p.Package)
			continue
		}
		found = slices.Delete(found, i, i+1)
		if p.Run != "" && !slices.ContainsFunc(testsOf(t, p.Package), regexp.MustCompile(p.Run).MatchString) {
			t.Errorf("%s has no test %s", p.Package, p.Run)
		}
	}
	for dir := range PlayedElsewhere {
		if !slices.Contains(found, dir) {
			t.Errorf("%s does not run anything in wine 10", dir)
		}
	}
	for _, dir := range found {
		if PlayedElsewhere[dir] != "" {
			continue
		}
		t.Errorf("%s runs programs in wine 10, and make test-windows does not play it: internal/lab/wintable/played.go", dir)
	}
}

var usesWine10 = regexp.MustCompile(`\bNew10\(t|\bOpenRoot\(`)

// walk visits Go files of the module.
func walk(t *testing.T, visit func(path string)) {
	t.Helper()
	err := filepath.WalkDir(repository, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() && (name == "testdata" || name == "node_modules" || name == "build" || name == ".git") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(name, ".go") {
			relative, err := filepath.Rel(repository, path)
			if err != nil {
				return err
			}
			visit(relative)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

var testFunction = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)

// testsOf are the names of a package's tests.
func testsOf(t *testing.T, pkg string) (names []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(repository, pkg, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range testFunction.FindAllStringSubmatch(string(text), -1) {
			names = append(names, m[1])
		}
	}
	return names
}
