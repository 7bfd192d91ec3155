package browsers

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// recordFolders records the folders that are made next.
func (f *files) recordFolders(made []string) {
	for _, dir := range made {
		if list, name := f.folder(dir); !slices.Contains(*list, name) {
			*list = append(*list, name)
		}
	}
}

// tidy removes the folders above a path that we made and that are empty now. Others may be
// a package's or a person's, also when empty.
func (f *files) tidy(path string) {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		list, name := f.folder(dir)
		i := slices.Index(*list, name)
		if i < 0 || os.Remove(dir) != nil { // not ours, or not empty
			return
		}
		*list = slices.Delete(slices.Clone(*list), i, i+1)
	}
}

// folder is in which list of the record a folder is when we made it, and by which name.
func (f *files) folder(dir string) (list *[]string, name string) {
	if f.root == "" {
		return &f.record.Folders, dir
	}
	// As the system in the root has it, which may be elsewhere the next time.
	if name, below := strings.CutPrefix(dir, f.in("/")+string(filepath.Separator)); below {
		return &f.record.Folders, "/" + filepath.ToSlash(name)
	}
	return &f.record.Above, dir
}
