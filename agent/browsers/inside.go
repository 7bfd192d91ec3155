package browsers

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/plainfile"
)

// LinkError says that a link leads nowhere, as links are followed inside the root.
type LinkError struct {
	Link   string // where it is, with the root
	Target string // what it says
	Root   string // "": the system itself
}

func (e *LinkError) Error() string {
	if e.Root == "" {
		return fmt.Sprintf("browsers: the link %s to %s leads nowhere", e.Link, e.Target)
	}
	return fmt.Sprintf("browsers: the link %s to %s leads nowhere in %s", e.Link, e.Target, e.Root)
}

// maxLinks is how many links Linux follows in a path.
const maxLinks = 40

// inside is where a path of the system in root is, without links in it; what is missing
// at its end may be made there. A link is followed as that system would: an absolute one
// begins at root, and none leads out of it. Followed as this system does, the link
// /etc/firefox of an image would have us write to the running system.
func inside(root, path string) (string, error) {
	base := in(root, "/")
	at, names := base, split(path)
	var link *LinkError // that is being followed
	beyond := 0         // how many names of the path follow those of that link
	for followed := 0; len(names) > 0; {
		name := names[0]
		names = names[1:]
		switch {
		case name == ".", name == ".." && at == base:
			continue
		case name == "..":
			at = filepath.Dir(at) // at has no links in it
			continue
		}
		next := filepath.Join(at, name)
		info, err := os.Lstat(next)
		if errors.Is(err, fs.ErrNotExist) {
			if link != nil && len(names) >= beyond {
				return "", link
			}
			return filepath.Join(append([]string{next}, names...)...), nil
		}
		if err != nil {
			return "", err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			at = next
			continue
		}
		target, err := os.Readlink(next)
		if err != nil {
			return "", err
		}
		if link == nil || len(names) < beyond { // else it stands in the way of the one before
			link, beyond = &LinkError{next, target, root}, len(names)
		}
		if followed++; followed > maxLinks {
			return "", link
		}
		if filepath.IsAbs(target) {
			at = base
		}
		names = append(split(target), names...)
	}
	return at, nil
}

// in is a path of the system in root, as we name it: links in it are not followed.
func in(root, path string) string {
	if root == "" {
		root = "/"
	}
	return filepath.Join(root, path)
}

// split is a path's names, in which ".." is one: what it goes back from may be a link.
func split(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == filepath.Separator || r == '/' })
}

// readInside reads a regular file of the system in root.
func readInside(root, path string) ([]byte, error) {
	real, err := inside(root, path)
	if err != nil {
		return nil, err
	}
	return plainfile.Read(real)
}

// existsInside reports whether the system in root has the path.
func existsInside(root, path string) bool {
	real, err := inside(root, path)
	if err == nil {
		_, err = os.Lstat(real)
	}
	return err == nil
}

// filesInside are the entries of a folder of the system in root.
func filesInside(root, dir string) ([]fs.DirEntry, error) {
	real, err := inside(root, dir)
	if err != nil {
		return nil, err
	}
	return os.ReadDir(real)
}
