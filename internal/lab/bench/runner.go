package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Runner runs the benchmarks of rows and curves.
type Runner struct {
	Root string    // the module's folder
	Runs int       // of each benchmark that says nothing else
	Log  io.Writer // what is run, and what failed
}

// group are the benchmarks that one process runs one after the other.
type group struct {
	pkg        string
	runs       int
	alone      bool
	quiet      bool
	benchmarks []string // the functions
}

// one is a benchmark as a row or a curve names it.
type one struct {
	pkg, benchmark string
	runs           int
	alone, quiet   bool
}

// groups has each benchmark once, with the most runs that anything asks of it.
func (r Runner) groups(rows []Row, curves []Curve) []group {
	var all []one
	add := func(o one) {
		o.benchmark, _, _ = strings.Cut(o.benchmark, "/")
		i := slices.IndexFunc(all, func(a one) bool { return a.pkg == o.pkg && a.benchmark == o.benchmark })
		if i < 0 {
			all = append(all, o)
			return
		}
		all[i].runs, all[i].alone, all[i].quiet = max(all[i].runs, o.runs), all[i].alone && o.alone, all[i].quiet || o.quiet
	}
	for _, row := range rows {
		if row.had() {
			add(one{row.Package, row.Benchmark, row.Runs, row.Alone, row.Quiet})
		}
	}
	for _, c := range curves {
		add(one{pkg: c.Package, benchmark: c.Benchmark, runs: c.Runs})
	}
	var groups []group
	for _, o := range all {
		if o.runs == 0 {
			o.runs = r.Runs
		}
		i := slices.IndexFunc(groups, func(g group) bool {
			return g.pkg == o.pkg && g.runs == o.runs && g.alone == o.alone && g.quiet == o.quiet
		})
		if i < 0 {
			groups = append(groups, group{pkg: o.pkg, runs: o.runs, alone: o.alone, quiet: o.quiet})
			i = len(groups) - 1
		}
		groups[i].benchmarks = append(groups[i].benchmarks, o.benchmark)
	}
	return groups
}

// failed are the benchmarks that a program says have failed; all of them where it says
// nothing, as one that was killed.
func (g group) failed(out []byte) (list []string) {
	for _, b := range g.benchmarks {
		if regexp.MustCompile(`(?m)^--- FAIL: ` + regexp.QuoteMeta(b) + `(/|$|-\d+$)`).Match(out) {
			list = append(list, b)
		}
	}
	if list == nil {
		return g.benchmarks
	}
	return list
}

// had reports whether what the row needs of the environment is there.
func (r Row) had() bool { return r.Needs == "" || os.Getenv(r.Needs) != "" }

// Run measures the rows and the curves. A benchmark that fails is no error here: its rows
// are Failed, and its curve is missing. The groups run one after the other, those that
// need quiet first, and those that nothing else disturbs beside the rest.
func (r Runner) Run(ctx context.Context, rows []Row, curves []Curve) (Results, error) {
	groups := r.groups(rows, curves)
	programs, err := r.compile(ctx, groups)
	if err != nil {
		return Results{}, err
	}
	results := Results{Machine: machine(ctx, r.Root)}
	begun := time.Now()
	all, failed := samples{}, map[string]string{}
	var mu sync.Mutex
	play := func(g group) {
		started := time.Now()
		out, err := r.play(ctx, programs[g.pkg], g)
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(r.Log, "%6.1f s  %s  %s\n", time.Since(started).Seconds(), g.pkg, strings.Join(g.benchmarks, " "))
		if unread := all.read(bytes.NewReader(out), g.pkg); unread != nil {
			err = errors.Join(err, unread)
		}
		if err != nil {
			for _, b := range g.failed(out) {
				failed[key(g.pkg, b)] = err.Error()
			}
			fmt.Fprintf(r.Log, "%s: %v\n%s\n", g.pkg, err, out)
		}
	}
	for _, g := range groups {
		if g.quiet {
			play(g)
		}
	}
	var beside sync.WaitGroup
	for _, g := range groups {
		if g.alone && !g.quiet {
			beside.Go(func() { play(g) })
		}
	}
	for _, g := range groups {
		if !g.alone && !g.quiet {
			play(g)
		}
	}
	beside.Wait()
	if ctx.Err() != nil {
		return Results{}, ctx.Err()
	}
	results.Machine.Took = time.Since(begun).Round(time.Second).String()
	for _, row := range rows {
		results.Rows = append(results.Rows, all.row(row, failed))
	}
	for _, c := range curves {
		drawn, err := all.draw(c)
		if why := failed[key(c.Package, c.Benchmark)]; why != "" {
			err = fmt.Errorf("%w: %s", errNotMeasured, why)
		}
		if err != nil {
			fmt.Fprintln(r.Log, err)
			results.Missing = append(results.Missing, c.Name)
			continue
		}
		results.Curves = append(results.Curves, drawn)
	}
	return results, nil
}

// row measures a row, or says why it is not.
func (s samples) row(r Row, failed map[string]string) Measured {
	m := Measured{Name: r.Name, What: r.What, BesideWhat: r.BesideWhat, Target: r.target(), Shortfall: r.Shortfall}
	if !r.had() {
		m.Met, m.Why = NotHad, fmt.Sprintf("%s names %s", r.Needs, r.NeedsWhat)
		return m
	}
	function, _, _ := strings.Cut(r.Benchmark, "/")
	measured, err := s.measure(r)
	switch why := failed[key(r.Package, function)]; {
	case why != "":
		m.Met, m.Why = Failed, why
	case err != nil:
		m.Met, m.Why = Failed, err.Error()
	default:
		return measured
	}
	return m
}

// compile builds the tests of each package, so that no compiler runs beside a measurement.
func (r Runner) compile(ctx context.Context, groups []group) (map[string]string, error) {
	folder := filepath.Join(r.Root, "build", "bench")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	programs := map[string]string{}
	for _, g := range groups {
		if programs[g.pkg] != "" {
			continue
		}
		program, err := filepath.Abs(filepath.Join(folder, strings.ReplaceAll(strings.TrimPrefix(g.pkg, "./"), "/", "-")+".test"))
		if err != nil {
			return nil, err
		}
		c := exec.CommandContext(ctx, "go", "test", "-c", "-o", program, g.pkg)
		c.Dir = r.Root
		if out, err := c.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("go test -c %s: %w\n%s", g.pkg, err, out)
		}
		programs[g.pkg] = program
	}
	return programs, nil
}

var errNoProgram = errors.New("no program of tests")

// play runs one group, as the go command would.
func (r Runner) play(ctx context.Context, program string, g group) ([]byte, error) {
	if program == "" {
		return nil, fmt.Errorf("%w for %s", errNoProgram, g.pkg)
	}
	var names []string
	for _, b := range g.benchmarks {
		names = append(names, regexp.QuoteMeta(b))
	}
	c := exec.CommandContext(ctx, program, "-test.run=^$", "-test.bench=^("+strings.Join(names, "|")+")$", "-test.benchtime=1x",
		"-test.count="+strconv.Itoa(g.runs), "-test.timeout=20m", "-test.paniconexit0")
	c.Dir = filepath.Join(r.Root, filepath.FromSlash(g.pkg))
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) } // its own programs end with it
	c.WaitDelay = 10 * time.Second
	return c.CombinedOutput()
}
