package browsers

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// folders are the folders in a root and it itself, without the root's name.
func folders(t *testing.T, root string) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			found["/"+strings.TrimPrefix(filepath.ToSlash(strings.TrimPrefix(path, root)), "/")] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func makeFolders(t *testing.T, root string, dirs ...string) {
	t.Helper()
	for _, dir := range dirs {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFoldersOfOurs: what is taken back removes the folders that were made for it, and no
// other: an empty one that was there stays, wherever the root is when it is taken back.
func TestFoldersOfOurs(t *testing.T) {
	r := Request{Origins: portals, Shared: SharedSet}
	for name, there := range map[string][]string{
		"nothing":             {"/"},
		"Firefox's folder":    {"/etc/firefox/policies"},
		"the record's folder": {"/etc/cpx-bridge", "/etc/opt"},
		"Chromium's folder":   {"/etc/chromium/policies/managed/others"},
	} {
		t.Run(name, func(t *testing.T) {
			root := filepath.Join(t.TempDir(), "root")
			makeFolders(t, root, there...)
			before := folders(t, root)
			r.Root = root
			apply(t, r)
			if now := folders(t, root); len(now) <= len(before) {
				t.Errorf("nothing was made: %v", now)
			}
			mounted := filepath.Join(t.TempDir(), "elsewhere")
			if err := os.Rename(root, mounted); err != nil {
				t.Fatal(err)
			}
			// One browser after the other, as `--browser` does.
			for _, b := range All {
				apply(t, Request{Root: mounted, Shared: SharedRemoved, Browsers: []Browser{b}})
			}
			if now := folders(t, mounted); !maps.Equal(now, before) {
				t.Errorf("%v, before: %v", now, before)
			}
		})
	}
}

// TestRootOfOurs: the folder that serves as the root, and those above it, go where they
// were made for it.
func TestRootOfOurs(t *testing.T) {
	parent := t.TempDir()
	root := filepath.Join(parent, "a", "b")
	apply(t, Request{Origins: portals, Root: root})
	apply(t, Request{Root: root})
	if rest, err := os.ReadDir(parent); err != nil || len(rest) > 0 {
		t.Errorf("%v, %v", rest, err)
	}
}

// TestFoldersWithoutRecord: where nothing says who made a folder, it stays.
func TestFoldersWithoutRecord(t *testing.T) {
	root := t.TempDir()
	r := Request{Origins: portals, Root: root, Browsers: []Browser{Chromium}}
	apply(t, r)
	record := filepath.Join(root, recordFile)
	text, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	begin, _, found := strings.Cut(string(text), `,
  "folders"`)
	if !found {
		t.Fatalf("no folders in %s", text)
	}
	if err := os.WriteFile(record, []byte(begin+"}"), 0o644); err != nil {
		t.Fatal(err)
	}
	apply(t, Request{Root: root})
	if now := folders(t, root); !now["/etc/chromium/policies/managed"] || !now["/etc/cpx-bridge"] || len(tree(t, root)) != 0 {
		t.Errorf("%v %v", now, tree(t, root))
	}
}

// TestFolderMadeAnew: a folder of ours that is gone and made anew by others is theirs.
func TestFolderMadeAnew(t *testing.T) {
	root := t.TempDir()
	apply(t, Request{Origins: portals, Root: root, Browsers: []Browser{Chromium, Firefox}})
	apply(t, Request{Root: root, Browsers: []Browser{Chromium}})
	makeFolders(t, root, chromiumDir)
	apply(t, Request{Origins: portals, Root: root, Browsers: []Browser{Chromium}})
	apply(t, Request{Root: root})
	if now := folders(t, root); !now["/etc/chromium/policies/managed"] || now["/etc/firefox"] || now["/etc/cpx-bridge"] {
		t.Errorf("%v", now)
	}
}
