package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCodeOfTheDocuments: what portal developers copy stands in a file that is compiled, run
// and tested, line by line.
func TestCodeOfTheDocuments(t *testing.T) {
	var sources []string
	for _, top := range []string{"cardlogin", "examples", "authtoken"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(path string, d fs.DirEntry, err error) error {
			if extension := filepath.Ext(path); err != nil || d.IsDir() || extension != ".go" && extension != ".conf" {
				return err
			}
			text, err := os.ReadFile(path)
			sources = append(sources, lines(string(text)))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for language, atLeast := range map[string]int{"go": 5, "nginx": 1} {
		blocks, err := Fenced(filepath.Join(root, "docs", "portal-developers.md"), language)
		if err != nil {
			t.Fatal(err)
		}
		if len(blocks) < atLeast {
			t.Errorf("only %d blocks of %s", len(blocks), language)
		}
		for _, block := range blocks {
			if !stands(sources, lines(block)) {
				t.Errorf("in no file that is tested:\n%s", block)
			}
		}
	}
}

// lines is a text without what indents its lines.
func lines(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		out.WriteString(strings.TrimSpace(line) + "\n")
	}
	return out.String()
}

func stands(sources []string, block string) bool {
	for _, source := range sources {
		if strings.Contains("\n"+source, "\n"+block) {
			return true
		}
	}
	return false
}

// TestNoNameAtARegistry: nobody is sent to npm's registry, where no name is ours.
func TestNoNameAtARegistry(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, filepath.Join(root, "README.md"), filepath.Join(root, "js", "README.md"), filepath.Join(root, "js", "API.md")) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			for _, command := range []string{"npm install ", "npm i ", "npm add ", "yarn add ", "pnpm add "} {
				if _, what, found := strings.Cut(line, command); found && !strings.Contains(what, ".tgz") {
					t.Errorf("%s: %s", file, line)
				}
			}
		}
	}
	about, err := os.ReadFile(filepath.Join(root, "js", "package.json"))
	if err != nil || !strings.Contains(string(about), `"private": true`) {
		t.Errorf("the package can be published: %v", err)
	}
}
