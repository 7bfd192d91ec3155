package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var cited = regexp.MustCompile(`(?m)(?://|^\s*\*).*?((?:\.\./|[\w-]+/)*[\w.-]+\.md)\b`)

// TestDocumentsThatAreCited: a comment that sends its reader to a document names
// one that is here, by its path in the module or beside the file.
func TestDocumentsThatAreCited(t *testing.T) {
	found := 0
	for _, top := range []string{"agent", "authtoken", "cmd", "cps", "examples", "internal", "js", "pkcs11", "portal", "tray"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.Name() == "node_modules" {
				return fs.SkipDir
			}
			if extension := filepath.Ext(path); extension != ".go" && extension != ".ts" && extension != ".mts" {
				return nil
			}
			source, err := os.ReadFile(path)
			for _, m := range cited.FindAllSubmatch(source, -1) {
				found++
				document := filepath.FromSlash(string(m[1]))
				if !exists(filepath.Join(root, document)) && !exists(filepath.Join(filepath.Dir(path), document)) && !exists(filepath.Join(root, top, document)) {
					t.Errorf("%s cites %s, which is not there", strings.TrimPrefix(path, root+"/"), document)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if found < 10 {
		t.Errorf("only %d comments cite a document", found)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
