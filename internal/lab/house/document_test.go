package house

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var quoted = regexp.MustCompile("`([^`\n]+)`")

// pathsIn are the files and folders of the module that a document names in
// backquotes, as they are written there.
func pathsIn(text string, tops []string) (paths []string) {
	for _, m := range quoted.FindAllStringSubmatch(text, -1) {
		top, _, folder := strings.Cut(m[1], "/")
		if slices.Contains(tops, top) && (folder || slices.Contains(tops, m[1])) && !strings.ContainsAny(m[1], " <") {
			paths = append(paths, m[1])
		}
	}
	return paths
}

// TestArchitecture: the document of the house names each package, and nothing that
// is not there.
func TestArchitecture(t *testing.T) {
	root, err := Root(".")
	if err != nil {
		t.Fatal(err)
	}
	tree, err := Read(root)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "docs", "architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	var tops []string
	for _, e := range entries {
		tops = append(tops, e.Name())
	}
	named := pathsIn(string(text), tops)
	for _, path := range named {
		if found, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(path))); err != nil || len(found) == 0 {
			t.Errorf("docs/architecture.md names %s, which is not there", path)
		}
	}
	for _, path := range tree.paths() {
		if in(path, "internal/lab/...", "internal/kit/...") { // folders say it all
			continue
		}
		if !slices.Contains(named, path) && !slices.Contains(named, path+"/") {
			t.Errorf("docs/architecture.md does not name %s", path)
		}
	}
}

func TestPathsIn(t *testing.T) {
	text := "`agent/gate` and `tray/`, `js/src/lang-*.ts`; `Prompter`, `agent said`, `go test ./agent`, `<!-- agent -->`, `other/x`, `Makefile`, agent/x"
	got := pathsIn(text, []string{"agent", "tray", "js", "Makefile"})
	if want := []string{"agent/gate", "tray/", "js/src/lang-*.ts", "Makefile"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
