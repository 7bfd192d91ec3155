package supply

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// ErrNoLicence says that a part of a program has no text that says what it is under.
var ErrNoLicence = errors.New("supply: no licence")

// Part is what a program contains and no go.mod names.
type Part struct {
	Name, Version string
	URL           string   // its package URL, or else where its source is
	Licences      []string // SPDX
	files         []string // with its licences' texts, on the Debian that builds
}

// apache is the licence whose text Debian's packages name in place of holding it.
const apache = "/usr/share/common-licenses/Apache-2.0"

// parts are those of a program, by what it says of itself.
func parts(ctx context.Context, info *buildinfo.BuildInfo) ([]Part, error) {
	list := []Part{{
		Name: "std", Version: strings.TrimPrefix(info.GoVersion, "go"), URL: "pkg:golang/std@" + strings.TrimPrefix(info.GoVersion, "go"),
		Licences: []string{"BSD-3-Clause"},
	}}
	setting := func(name string) string {
		for _, s := range info.Settings {
			if s.Key == name {
				return s.Value
			}
		}
		return ""
	}
	if slices.ContainsFunc(modulesOf(info), func(m Module) bool { return m.Path == "golang.org/x/net" }) {
		// Compiled in from its package publicsuffix, whose licence does not name it.
		list = append(list, Part{
			Name: "Public Suffix List", URL: "https://publicsuffix.org/list/public_suffix_list.dat",
			Licences: []string{"MPL-2.0"}, files: []string{"/usr/share/common-licenses/MPL-2.0"},
		})
	}
	if setting("GOOS") != "windows" {
		return list, nil // the system's C library is loaded and not contained
	}
	target := map[string]string{"amd64": "x86-64", "386": "i686"}[setting("GOARCH")]
	for _, linked := range []Part{
		{Name: "mingw-w64-" + target + "-dev", Licences: []string{"ZPL-2.1"}, files: []string{"/usr/share/doc/mingw-w64-common/copyright"}},
		{Name: "gcc-mingw-w64-" + target + "-win32", Licences: []string{"GPL-3.0-or-later WITH GCC-exception-3.1"},
			files: []string{"/usr/share/doc/gcc-mingw-w64-base/copyright", "/usr/share/common-licenses/GPL-3"}},
	} {
		out, err := exec.CommandContext(ctx, "dpkg-query", "-W", "-f", "${Version}", linked.Name).Output()
		if err != nil {
			return nil, fmt.Errorf("the version of %s, of which a part is in each program for Windows: %w", linked.Name, err)
		}
		linked.Version = string(out)
		linked.URL = "pkg:deb/debian/" + linked.Name + "@" + strings.ReplaceAll(linked.Version, "+", "%2B")
		list = append(list, linked)
	}
	return list, nil
}

// modulesOf are the modules that a program contains, without where their files are.
func modulesOf(info *buildinfo.BuildInfo) (list []Module) {
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		list = append(list, Module{Path: m.Path, Version: m.Version, sum: m.Sum})
	}
	return list
}

// Notices writes the licences that go with programs: the text of each module and each other
// part that is in one of them. Brief names Apache's, where Debian has it, in place of its text.
func Notices(ctx context.Context, out io.Writer, programs []string, brief bool) error {
	contained, others := map[string]Module{}, map[string]Part{}
	for _, program := range programs {
		info, err := buildinfo.ReadFile(program)
		if err != nil {
			return err
		}
		for _, m := range modulesOf(info) {
			contained[m.Path+"@"+m.Version] = m
		}
		list, err := parts(ctx, info)
		if err != nil {
			return err
		}
		for _, p := range list {
			others[p.Name] = p
		}
	}
	var all notes
	for _, name := range slices.Sorted(maps.Keys(others)) {
		text, err := others[name].text(ctx)
		if err != nil {
			return err
		}
		all.add(others[name].title(), text)
	}
	names := slices.Sorted(maps.Keys(contained))
	folders, err := folders(ctx, names)
	if err != nil {
		return err
	}
	for _, name := range names {
		text, err := texts(folders[name], brief)
		if err != nil {
			return err
		}
		all.add(strings.ReplaceAll(name, "@", " "), text)
	}
	return all.write(out)
}

// notes are the texts with the names of what is under each.
type notes []struct{ names, text string }

// add puts one in; a text that is there already is not repeated.
func (n *notes) add(name, text string) {
	for i := range *n {
		if (*n)[i].text == text {
			(*n)[i].names += "\n== " + name
			return
		}
	}
	*n = append(*n, struct{ names, text string }{"== " + name, text})
}

func (n notes) write(out io.Writer) error {
	for _, note := range n {
		if _, err := fmt.Fprintf(out, "%s\n\n%s\n", note.names, note.text); err != nil {
			return err
		}
	}
	return nil
}

func (p Part) title() string {
	switch {
	case p.Name == "std":
		return "Go " + p.Version + ", its standard library and runtime"
	case p.Version == "":
		return p.Name + ", " + p.URL
	}
	return p.Name + " " + p.Version + ", of which the programs for Windows contain a part"
}

// text is that of a part's licences.
func (p Part) text(ctx context.Context) (string, error) {
	if p.Name == "std" {
		root, err := run(ctx, ".", nil, "env", "GOROOT")
		if err != nil {
			return "", err
		}
		return texts(strings.TrimSpace(string(root)), false)
	}
	var text strings.Builder
	for _, file := range p.files {
		content, err := os.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("%w of %s: %w", ErrNoLicence, p.Name, err)
		}
		text.Write(append(bytes.TrimSpace(content), '\n', '\n'))
	}
	return text.String(), nil
}

// folders are where the files of modules are, fetched where they are not here.
func folders(ctx context.Context, names []string) (map[string]string, error) {
	found := map[string]string{}
	if len(names) == 0 {
		return found, nil
	}
	out, err := run(ctx, ".", nil, append([]string{"mod", "download", "-json"}, names...)...)
	if err != nil {
		return nil, err
	}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var m Module
		switch err := d.Decode(&m); {
		case errors.Is(err, io.EOF):
			return found, nil
		case err != nil:
			return nil, err
		}
		found[m.Path+"@"+m.Version] = m.Dir
	}
}

// legal are the files of a module that go with a copy of it: its own licence, and those of
// what it took from others. What tests and examples are under goes into no program.
var (
	legal = regexp.MustCompile(`(?i)^(un)?(licen[cs]e|copying|notice|patents|copyright)([-._].*)?$`)
	apart = []string{"testdata", "example", "examples", "_examples", ".git", "test", "misc"}
)

// texts are those of a folder's files, each under its name where it is not the only one.
func texts(dir string, brief bool) (string, error) {
	var files []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		switch name := e.Name(); {
		case err != nil:
			return err
		case e.IsDir() && path != dir && (slices.Contains(apart, name) || isGoRoot(dir)):
			return fs.SkipDir
		case !e.IsDir() && legal.MatchString(name) && filepath.Ext(name) != ".go":
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	if len(files) == 0 {
		return "", fmt.Errorf("%w in %s", ErrNoLicence, dir)
	}
	var text strings.Builder
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		if len(files) > 1 {
			name, _ := filepath.Rel(dir, file)
			fmt.Fprintf(&text, "-- %s\n\n", filepath.ToSlash(name))
		}
		if brief && bytes.Contains(content, []byte("Apache License")) && bytes.Contains(content, []byte("Version 2.0, January 2004")) {
			content = []byte("Apache License, version 2.0: " + apache)
		}
		text.Write(append(bytes.Trim(content, "\r\n"), '\n', '\n'))
	}
	return strings.ReplaceAll(text.String(), "\r\n", "\n"), nil
}

// isGoRoot reports whether a folder is Go's own, whose library is under one licence.
func isGoRoot(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "src", "runtime"))
	return err == nil
}
