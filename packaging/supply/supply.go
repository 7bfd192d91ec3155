// Package supply is what the programs are made of besides this module: which modules
// go into which program, under which licences, and the bill of materials that a
// release carries. docs/dependencies.md says why each is there; its table is the truth
// about licences, and this package's test holds it against the modules themselves.
//
// It may be used from any goroutine, changes nothing, and asks the go command alone.
package supply

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/licensecheck"
)

// Module is a module that a go.mod requires.
type Module struct {
	Path, Version string
	Dir           string // where its files are
	sum           string // as in go.sum
}

// Row is a module's row in the table.
type Row struct {
	Path     string
	Licences []string // SPDX names
	In       []string // of Programs, or Tests, Tools, Nothing
	Why      string
}

// Programs are those that are shipped, by their folders in cmd.
var Programs = []string{"cpx-agent", "cpx-portal", "cpx-card"}

// Where else than in a program a module can be.
const (
	Tests   = "tests"   // compiled for tests alone
	Tools   = "tools"   // a program that checks or generates
	Nothing = "nothing" // required by another module, and compiled into nothing
)

// Platforms are those that programs are built for.
var Platforms = []string{"linux/amd64", "windows/amd64", "darwin/arm64"}

// Table reads the table of docs/dependencies.md.
func Table(path string) ([]Row, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var rows []Row
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 6 || !strings.HasPrefix(strings.TrimSpace(cells[1]), "`") {
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows = append(rows, Row{
			Path: strings.Trim(cells[1], "`"), Licences: strings.Split(cells[2], " AND "),
			In: strings.Split(cells[3], ", "), Why: cells[4],
		})
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("%s has no table of modules", path)
	}
	return rows, nil
}

// Required are the modules that a go.mod in root requires, fetched where they are not
// here. modfile is its name, such as "go.mod" or "tools/go.mod".
func Required(ctx context.Context, root, modfile string) ([]Module, error) {
	out, err := run(ctx, root, nil, "mod", "download", "-modfile="+modfile, "-json")
	if err != nil {
		return nil, err
	}
	var list []Module
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var m Module
		switch err := d.Decode(&m); {
		case errors.Is(err, io.EOF):
			return list, nil
		case err != nil:
			return nil, err
		}
		list = append(list, m)
	}
}

// Contents are the modules in each program, on any platform, and under Tests those of
// everything that is compiled here.
func Contents(ctx context.Context, root string) (map[string]map[string]bool, error) {
	in := map[string]map[string]bool{}
	add := func(where, platform string, args ...string) error {
		goos, goarch, _ := strings.Cut(platform, "/")
		args = append([]string{"list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}"}, args...)
		out, err := run(ctx, root, []string{"GOOS=" + goos, "GOARCH=" + goarch, "CGO_ENABLED=1"}, args...)
		if err != nil {
			return err
		}
		if in[where] == nil {
			in[where] = map[string]bool{}
		}
		for path := range strings.FieldsSeq(string(out)) {
			in[where][path] = true
		}
		return nil
	}
	for _, platform := range Platforms {
		for _, program := range Programs {
			if err := add(program, platform, "./cmd/"+program); err != nil {
				return nil, err
			}
		}
		if err := add(Tests, platform, "-test", "./..."); err != nil {
			return nil, err
		}
	}
	return in, nil
}

// licenceFile are the files whose licence is the module's own; others, such as a list
// of what it was made from, are not its licence.
var licenceFile = regexp.MustCompile(`(?i)^(un)?(licen[cs]e|copying)(\.md|\.txt)?$`)

// Licences are the SPDX names of the licences of a module's own files, and the files' text.
func Licences(dir string) (names []string, text string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, "", err
	}
	for _, e := range entries {
		if !licenceFile.MatchString(e.Name()) || e.IsDir() {
			continue
		}
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, "", err
		}
		for _, m := range licensecheck.Scan(content).Match {
			if !slices.Contains(names, m.ID) {
				names = append(names, m.ID)
			}
		}
		text += string(content) + "\n"
	}
	slices.Sort(names)
	if len(names) == 0 {
		return nil, text, fmt.Errorf("no licence is recognised in %s", dir)
	}
	return names, text, nil
}

func run(ctx context.Context, dir string, env []string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, complaint.String())
	}
	return out, nil
}
