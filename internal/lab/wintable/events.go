package wintable

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/cells"
)

// event is one line of go test -json (go doc test2json).
type event struct {
	Action     string
	Package    string
	ImportPath string // of what is built
	Test       string
	Output     string
}

// Test is how one test of a package ended.
type Test struct {
	Name   string
	State  cells.State // NotTried where it skipped itself
	Output string
}

// Tested is how a package's tests ended.
type Tested struct {
	Package string
	State   cells.State // NotTried where it has none
	Why     string      // why go test reported nothing of it, "" where it did
	Tests   []Test
	Output  string // of none of them, such as the compiler's
}

// ReadEvents reads what go test -json prints of some packages, and reports each when it has
// ended, and at the end, as failed, those that began and did not end.
func ReadEvents(in io.Reader, report func(Tested)) error {
	packages, ended := map[string]*Tested{}, map[string]bool{}
	built := map[string]string{}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return fmt.Errorf("go test -json printed %q: %w", lines.Text(), err)
		}
		if e.ImportPath != "" {
			path, _, _ := strings.Cut(e.ImportPath, " ") // "p [p.test]"
			built[path] += e.Output
			continue
		}
		p := packages[e.Package]
		if p == nil {
			p = &Tested{Package: e.Package}
			packages[e.Package] = p
		}
		if e.Test != "" {
			p.test(e)
			continue
		}
		p.Output += e.Output
		switch e.Action {
		case "pass", "skip", "fail":
			p.finish(e.Action, built[e.Package])
			report(*p)
			ended[e.Package] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(packages)) {
		if ended[name] || name == "" { // without a package: of go test as a whole
			continue
		}
		p := packages[name]
		p.Output += "its tests did not end\n"
		p.finish("fail", built[name])
		report(*p)
	}
	return lines.Err()
}

func (p *Tested) test(e event) {
	i := slices.IndexFunc(p.Tests, func(t Test) bool { return t.Name == e.Test })
	if i < 0 {
		p.Tests, i = append(p.Tests, Test{Name: e.Test, State: cells.Failed}), len(p.Tests) // until it has ended well
	}
	t := &p.Tests[i]
	switch e.Action {
	case "output":
		t.Output += e.Output
	case "pass":
		t.State = cells.Passed
	case "skip":
		t.State = cells.NotTried
	}
}

// finish decides what a package's end means: one none of whose tests ran was not tried.
func (p *Tested) finish(action, built string) {
	p.Output = built + p.Output
	switch {
	case action == "fail":
		p.State = cells.Failed
	case slices.ContainsFunc(p.Tests, func(t Test) bool { return t.State == cells.Passed }):
		p.State = cells.Passed
	}
}

// Failure is what a person needs to see of a package that failed.
func (p *Tested) Failure() string {
	var text strings.Builder
	for _, t := range p.Tests {
		if t.State == cells.Failed {
			text.WriteString(t.Output)
		}
	}
	text.WriteString(p.Output)
	return text.String()
}

// Skipped are the tests that skipped themselves, with the reasons they gave.
func (p *Tested) Skipped() map[string]string {
	reasons := map[string]string{}
	for _, t := range p.Tests {
		if t.State == cells.NotTried {
			reasons[t.Name] = reason(t.Output)
		}
	}
	return reasons
}

// reason is what t.Skip printed.
func reason(output string) string {
	var texts []string
	for line := range strings.Lines(output) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "=== ") || strings.HasPrefix(line, "--- ") {
			continue
		}
		if _, text, ok := strings.Cut(line, ".go:"); ok {
			if _, after, ok := strings.Cut(text, ": "); ok {
				line = after
			}
		}
		texts = append(texts, line)
	}
	if len(texts) == 0 {
		return "it says no reason"
	}
	return strings.Join(texts, " ")
}

// rows are the results of a package each of whose tests is a case: those without others
// below them. A folder's name of an architecture is that of all below it. A test that
// failed and has good ones below it only is a case, too.
func (p *Tested) rows() (results []cells.Result) {
	for _, t := range p.Tests {
		below, bad := false, false
		for _, other := range p.Tests {
			if strings.HasPrefix(other.Name, t.Name+"/") {
				below = true
				bad = bad || other.State == cells.Failed
			}
		}
		if below && (t.State != cells.Failed || bad) {
			continue
		}
		r := cells.Result{Case: caseName(t.Name), Column: Architectures[0], State: t.State, Why: t.Output}
		if slices.Contains(strings.Split(t.Name, "/"), "386") {
			r.Column = "386"
		}
		if r.State == cells.NotTried {
			r.Why = reason(t.Output)
		}
		results = append(results, r)
	}
	return results
}

// caseName is a test's name as a person reads it: Go has underscores for spaces.
func caseName(test string) string {
	parts := slices.DeleteFunc(strings.Split(test, "/"), func(part string) bool { return slices.Contains(Architectures, part) })
	if len(parts) > 1 {
		parts = parts[1:] // the function's
	}
	return strings.ReplaceAll(strings.Join(parts, ": "), "_", " ")
}
