// Package quick is `make quick`: the tests that need nothing but Go and a C compiler, so
// that whoever changes something sees in a minute whether the core still holds. What is
// not played is named with its reason, and a test that skipped itself is never counted
// as one that passed.
package quick

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/cells"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/wintable"
)

// headers is why a package is not even compiled.
const headers = "headers of GTK or of the tray's library (they are not compiled)"

// Plan is what is played and what is not.
type Plan struct {
	Play []string            // packages, below the module's path
	Out  map[string][]string // packages, by what they need
}

// NewPlan plans for the module in root: each of its packages is played or has a reason.
func NewPlan(ctx context.Context, root string) (*Plan, error) {
	module, err := list(ctx, root, "-m", "-f", "{{.Path}}")
	if err != nil {
		return nil, err
	}
	packages, err := list(ctx, root, "-f", "{{.ImportPath}}", "./...")
	if err != nil {
		return nil, err
	}
	compiled, err := needHeaders(ctx, root)
	if err != nil {
		return nil, err
	}
	p := &Plan{Out: map[string][]string{}}
	for _, full := range packages {
		short := strings.TrimPrefix(strings.TrimPrefix(full, module[0]), "/")
		need := wholePackages[short]
		if compiled[full] {
			need = headers
		}
		if need == "" {
			p.Play = append(p.Play, short)
			continue
		}
		p.Out[need] = append(p.Out[need], short)
	}
	return p, nil
}

// needHeaders are the packages whose tests are compiled with what pkg-config finds.
func needHeaders(ctx context.Context, root string) (map[string]bool, error) {
	lines, err := list(ctx, root, "-e", "-test", "-deps", "-f", "{{.ImportPath}}|{{len .CgoPkgConfig}}|{{join .Deps \" \"}}", "./...")
	if err != nil {
		return nil, err
	}
	with := map[string]bool{}
	for _, line := range lines {
		if parts := strings.SplitN(line, "|", 3); parts[1] != "0" {
			with[ofTest(parts[0])] = true
		}
	}
	need := maps.Clone(with)
	for _, line := range lines {
		parts := strings.SplitN(line, "|", 3)
		if slices.ContainsFunc(strings.Fields(parts[2]), func(dependency string) bool { return with[dependency] }) {
			need[ofTest(parts[0])] = true
		}
	}
	return need, nil
}

// ofTest is the package that a test's program or variant is of: "p.test", "p [p.test]".
func ofTest(importPath string) string {
	importPath, _, _ = strings.Cut(importPath, " ")
	return strings.TrimSuffix(strings.TrimSuffix(importPath, ".test"), "_test")
}

func list(ctx context.Context, root string, args ...string) ([]string, error) {
	cmd := exec.CommandContext(ctx, "go", append([]string{"list"}, args...)...)
	cmd.Dir, cmd.Stderr = root, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n"), nil
}

// Outcome is what came of a plan.
type Outcome struct {
	Ended            int        // packages, however
	Passed, Failed   int        // tests, without the parts that they are made of
	Tested, Untested int        // packages: with a test that passed, and without any
	Cached           int        // of Tested, those that are as they were when they passed
	Skipped          []Unplayed // they skipped themselves
	Needing          []Unplayed // they need something beside Go and a C compiler
}

// Unplayed is a test that was not played, or a part of one.
type Unplayed struct{ Package, Test, Reason string }

// ErrFailed says that a test failed, or a package was not compiled.
var ErrFailed = errors.New("there are failures")

// quiet is how long at most nothing is printed.
const quiet = 15 * time.Second

// Run plays a plan, and prints each failure, and how far it is.
func (p *Plan) Run(ctx context.Context, root string, out io.Writer) (*Outcome, error) {
	return p.run(ctx, root, out, time.Tick(quiet))
}

func (p *Plan) run(ctx context.Context, root string, out io.Writer, says <-chan time.Time) (*Outcome, error) {
	args := []string{"test", "-short", "-json", "-vet=off", "-timeout", "5m", "-skip", "^(" + strings.Join(onWindows, "|") + ")$"}
	for _, folder := range p.Play {
		args = append(args, "./"+folder)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Stderr, cmd.Env = root, os.Stderr, append(os.Environ(), need.Nothing)
	events, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	o := &Outcome{}
	failed := false
	packages, read := make(chan wintable.Tested), make(chan error, 1)
	go func() {
		read <- wintable.ReadEvents(events, func(t wintable.Tested) { packages <- t })
		close(packages)
	}()
	for open := true; open; {
		var t wintable.Tested
		select {
		case t, open = <-packages:
			if !open {
				break
			}
			o.add(&t)
			if t.State == cells.Failed {
				failed = true
				fmt.Fprintf(out, "FAILED %s\n%s", t.Package, t.Failure())
			}
		case <-says:
			fmt.Fprintf(out, "-- %d of %d packages have ended; the others are compiled or run\n", o.Ended, len(p.Play))
		}
	}
	err = <-read
	ended := cmd.Wait()
	switch exit := (*exec.ExitError)(nil); {
	case err != nil || ended != nil && !errors.As(ended, &exit):
		return nil, errors.Join(err, ended)
	case o.Tested+o.Untested == 0 && ended != nil:
		return nil, fmt.Errorf("go test: %w", ended)
	case failed || ended != nil:
		return o, ErrFailed
	}
	return o, nil
}

// add counts a package.
func (o *Outcome) add(t *wintable.Tested) {
	o.Ended++
	reasons := t.Skipped()
	for _, test := range t.Tests {
		whole := !strings.Contains(test.Name, "/")
		switch what, needed := need.Needed(reasons[test.Name]); {
		case whole && test.State == cells.Passed:
			o.Passed++
		case whole && test.State == cells.Failed:
			o.Failed++
		case test.State == cells.NotTried && needed:
			o.Needing = append(o.Needing, Unplayed{t.Package, test.Name, what})
		case test.State == cells.NotTried:
			o.Skipped = append(o.Skipped, Unplayed{t.Package, test.Name, reasons[test.Name]})
		}
	}
	switch t.State {
	case cells.Passed:
		o.Tested++
		if strings.Contains(t.Output, "(cached)") {
			o.Cached++
		}
	case cells.NotTried:
		o.Untested++
	}
}

// Print says what was played and, by name, what was not.
func (p *Plan) Print(out io.Writer, o *Outcome) {
	fmt.Fprintf(out, "%d tests of %d packages passed (%d packages as before: go's cache), %d failed.\n", o.Passed, o.Tested, o.Cached, o.Failed)
	printUnplayed(out, "Skipped themselves, which is not passed", o.Skipped)
	printUnplayed(out, "Tests not played here, by what each needs; `make test` plays them", o.Needing)
	fmt.Fprintln(out, "\nPackages not played here, because of what they need; `make test` plays them:")
	for _, need := range slices.Sorted(maps.Keys(p.Out)) {
		of := p.Out[need]
		fmt.Fprintf(out, "  %s (%d):\n%s", need, len(of), folded(strings.Join(of, ", "), "      "))
	}
	fmt.Fprintf(out, "  %s, in every package with files for Windows:\n%s", wines, folded(strings.Join(onWindows, ", "), "      "))
}

func printUnplayed(out io.Writer, what string, tests []Unplayed) {
	if len(tests) == 0 {
		return
	}
	slices.SortFunc(tests, func(a, b Unplayed) int {
		return strings.Compare(a.Reason+"\n"+a.Package+"\n"+a.Test, b.Reason+"\n"+b.Package+"\n"+b.Test)
	})
	fmt.Fprintf(out, "\n%s: %d\n", what, len(tests))
	for i := 0; i < len(tests); {
		first := tests[i]
		if i == 0 || tests[i-1].Reason != first.Reason {
			fmt.Fprint(out, folded(first.Reason+":", "  "))
		}
		var names []string
		for ; i < len(tests) && tests[i].Reason == first.Reason && tests[i].Package == first.Package; i++ {
			names = append(names, tests[i].Test)
		}
		fmt.Fprint(out, folded(shortened(first.Package)+": "+strings.Join(names, ", "), "      "))
	}
}

var modulePath = regexp.MustCompile(`^[^/]+/[^/]+/[^/]+/`)

// shortened is a package's path in the module.
func shortened(importPath string) string {
	return path.Clean(modulePath.ReplaceAllString(importPath, ""))
}

// width is a terminal's.
const width = 80

// folded is a text in lines of the terminal's width.
func folded(text, indent string) string {
	var b strings.Builder
	line := indent
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > width && line != indent {
			b.WriteString(line + "\n")
			line = indent
		}
		if line != indent {
			line += " "
		}
		line += word
	}
	return b.String() + line + "\n"
}
