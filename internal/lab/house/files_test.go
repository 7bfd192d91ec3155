package house

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestHiddenFiles: what the go command leaves out on the systems of the product
// counts all the same.
func TestHiddenFiles(t *testing.T) {
	root := t.TempDir()
	for file, text := range map[string]string{
		"go.mod":              "module example.com/m\n\ngo 1.25\n",
		"a/a.go":              "package a\n\nimport _ \"example.com/m/seen\"\n",
		"a/a_arm64.go":        "package a\n\nimport _ \"example.com/m/arm\"\n",
		"a/a_s390x.go":        "package a\n\nimport _ \"example.com/m/s390x\"\n",
		"a/a_freebsd.go":      "package a\n\nimport _ \"example.com/m/freebsd\"\n",
		"a/tagged.go":         "//go:build production\n\npackage a\n\nimport _ \"example.com/m/tagged\"\n",
		"a/a_test.go":         "package a\n\nimport _ \"example.com/m/tests\"\n",
		"a/link.go":           "package a\n\nimport _ \"unsafe\"\n\n//go:linkname f example.com/m/seen.f\nfunc f()\n",
		"a/a.s":               "",
		"hidden/hidden.go":    "//go:build production\n\npackage hidden\n\nimport _ \"example.com/m/a\"\n",
		"other/go.mod":        "module example.com/other\n",
		"other/x.go":          "package other\n\nimport _ \"example.com/m/a\"\n",
		"a/testdata/x.go":     "package x\n\nimport _ \"example.com/m/a\"\n",
		"seen/seen.go":        "package seen\n",
		"arm/arm.go":          "package arm\n",
		"s390x/s390x.go":      "package s390x\n",
		"freebsd/freebsd.go":  "package freebsd\n",
		"tagged/tagged.go":    "package tagged\n",
		"tests/tests_test.go": "package tests\n",
	} {
		path := filepath.Join(root, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tree, err := Read(root)
	if err != nil {
		t.Fatal(err)
	}
	imports := slices.Sorted(slices.Values(tree["a"].Imports))
	if want := []string{"arm", "freebsd", "s390x", "seen", "tagged"}; !slices.Equal(imports, want) {
		t.Errorf("a imports %q, want %q", imports, want)
	}
	if h := tree["hidden"]; h == nil || h.Name != "hidden" || !slices.Equal(h.Imports, []string{"a"}) {
		t.Errorf("hidden: %+v", h)
	}
	if tree["other"] != nil || tree["a/testdata"] != nil {
		t.Errorf("not of the module: %q", tree.paths())
	}
	faults, err := Linked(root)
	if want := []string{"a/link.go:5 has a go:linkname"}; err != nil || !slices.Equal(faults, want) {
		t.Errorf("%q %v, want %q", faults, err, want)
	}
}
