package house

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	firstCell = regexp.MustCompile(`(?m)^\| (` + "`" + `[^|]*) \|`)
	folderIn  = regexp.MustCompile("`([^`/]+)/`")
)

// foldersOf are the folders in the first column of the README's table.
func foldersOf(readme string) (named []string) {
	_, chapter, _ := strings.Cut(readme, "\n## What is where\n")
	chapter, _, _ = strings.Cut(chapter, "\n## ")
	for _, cell := range firstCell.FindAllStringSubmatch(chapter, -1) {
		for _, m := range folderIn.FindAllStringSubmatch(cell[1], -1) {
			named = append(named, m[1])
		}
	}
	return named
}

// TestReadmeNamesEveryFolder: the README's table has the folders that are in the
// repository, each once.
func TestReadmeNamesEveryFolder(t *testing.T) {
	root, err := Root(".")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, ".git")); err != nil {
		t.Skip("no repository, as in an archive: nothing says which folders are its own, and which were built")
	}
	list := exec.CommandContext(t.Context(), "git", "-c", "safe.directory=*", "ls-files")
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	var folders []string
	for file := range strings.Lines(string(out)) {
		if top, _, inFolder := strings.Cut(file, "/"); inFolder && !slices.Contains(folders, top) {
			folders = append(folders, top)
		}
	}
	named := foldersOf(read(t, root, "README.md"))
	slices.Sort(folders)
	slices.Sort(named)
	if len(folders) < 10 || !slices.Equal(named, folders) {
		t.Errorf("README.md names the folders\n%q, and there are\n%q", named, folders)
	}
}

func TestFoldersOf(t *testing.T) {
	got := foldersOf("| `x/` | no |\n## What is where\n| folder | what |\n|---|---|\n| `a/`, `b/` | `c/` |\n| `cmd/x` | no |\n\n## Next\n| `d/` | no |\n")
	if want := []string{"a", "b"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
