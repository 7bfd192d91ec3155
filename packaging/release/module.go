package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	xmodule "golang.org/x/mod/module"
	xzip "golang.org/x/mod/zip"
)

// archived is where git archive writes which commit it is of. The go command takes the
// file as it is in the repository, and so do we.
const (
	archivedFile = "scripts/archived"
	archivedText = "$Format:%H %D$\n"
)

// goModule writes the module as a proxy of files serves it, into dir.
func goModule(root, dir string, v versions, when time.Time) error {
	m := xmodule.Version{Path: module, Version: "v" + v.registry}
	escaped, err := xmodule.EscapePath(m.Path)
	if err != nil {
		return err
	}
	files, err := sources(root)
	if err != nil {
		return err
	}
	var packed bytes.Buffer
	if err := xzip.Create(&packed, m, files); err != nil {
		return fmt.Errorf("%s breaks a rule of Go modules: %w", m, err)
	}
	if err := licensed(packed.Bytes(), m); err != nil {
		return err
	}
	info, err := json.Marshal(struct {
		Version string
		Time    time.Time
	}{m.Version, when.UTC()})
	if err != nil {
		return err
	}
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return err
	}
	dir = filepath.Join(dir, filepath.FromSlash(escaped), "@v")
	for name, text := range map[string][]byte{"list": []byte(m.Version + "\n"), m.Version + ".info": info, m.Version + ".mod": mod, m.Version + ".zip": packed.Bytes()} {
		if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, name), text, 0o644)); err != nil {
			return err
		}
	}
	return nil
}

// licensed says whether the packed module has its licence: without one, Go's own index
// shows nothing of it.
func licensed(packed []byte, m xmodule.Version) error {
	r, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(r.File, func(f *zip.File) bool { return f.Name == m.String()+"/LICENSE" && f.UncompressedSize64 > 0 }) {
		return fmt.Errorf("%s has no LICENSE", m)
	}
	return nil
}

// source is a file of ours, for the module.
type source struct{ root, path string }

func (s source) Path() string                { return s.path }
func (s source) Lstat() (os.FileInfo, error) { return os.Lstat(filepath.Join(s.root, s.path)) }
func (s source) Open() (io.ReadCloser, error) {
	return os.Open(filepath.Join(s.root, s.path))
}

// plain is the file of the commit, as it is in the repository.
type plain struct{ source }

func (plain) Open() (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader(archivedText)), nil
}
func (p plain) Lstat() (os.FileInfo, error) {
	info, err := p.source.Lstat()
	return sized{info}, err
}

type sized struct{ os.FileInfo }

func (sized) Size() int64 { return int64(len(archivedText)) }

// sources are the files of ours: what git knows in a clone, everything but what is built in
// a folder that git archive made.
func sources(root string) ([]xzip.File, error) {
	var paths []string
	if _, err := os.Stat(filepath.Join(root, ".git")); err == nil {
		cmd := exec.Command("git", "-c", "safe.directory=*", "ls-files", "-z")
		cmd.Dir = root
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("git ls-files: %w", err)
		}
		paths = strings.Split(strings.TrimRight(string(out), "\x00"), "\x00")
	} else if paths, err = walked(root); err != nil {
		return nil, err
	}
	slices.Sort(paths)
	var files []xzip.File
	for _, path := range paths {
		s := source{root, path}
		switch _, err := s.Lstat(); {
		case errors.Is(err, fs.ErrNotExist): // deleted, and in no commit yet
		case path == archivedFile:
			files = append(files, plain{s})
		default:
			files = append(files, s)
		}
	}
	return files, nil
}

// built are the folders at the top that no archive of the source has.
var built = []string{".git", "build", "dist"}

func walked(root string) (paths []string, err error) {
	err = filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		switch name = filepath.ToSlash(name); {
		case err != nil:
			return err
		case e.IsDir() && (slices.Contains(built, name) || e.Name() == "node_modules"):
			return fs.SkipDir
		case !e.IsDir():
			paths = append(paths, name)
		}
		return nil
	})
	return paths, err
}
