package fuzzing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Result is what a run of one target came to.
type Result struct {
	Target
	Executions, New string // as the go command counts them
	Lasted          time.Duration
	Found           string // the file of the input that fails, below the module's folder; "": none
	Err             error  // why it does not hold
	Output          string // of a run that does not hold
}

// Holds reports whether nothing was found.
func (r Result) Holds() bool { return r.Err == nil }

var (
	progress = regexp.MustCompile(`fuzz: elapsed: \S+, execs: (\d+) .*new interesting: (\d+)`)
	crasher  = regexp.MustCompile(`Failing input written to (\S+)`)
	// The go command reports its own time limit as a failure where it passes between
	// two inputs (golang.org/issue/75804).
	ownLimit = regexp.MustCompile(`(?m)^\s+context deadline exceeded$`)
)

// Run runs one target of the module in the folder root for a time, with one worker.
func Run(ctx context.Context, root string, t Target, lasts time.Duration) Result {
	// By default the go command spends a minute on making an input shorter, uncounted: where
	// goroutines reach code now and then, on nearly each.
	cmd := exec.CommandContext(ctx, "go", "test", "-run=^$", "-fuzz=^"+t.Name+"$", "-fuzztime="+lasts.String(), "-fuzzminimizetime=100x", "-parallel=1", "./"+t.Package)
	cmd.Dir = root
	// The go command ends its workers when it is interrupted.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	from := time.Now()
	out, err := cmd.CombinedOutput()
	r := Result{Target: t, Executions: "0", New: "0", Lasted: time.Since(from), Err: err}
	if last := progress.FindAllSubmatch(out, -1); len(last) > 0 {
		r.Executions, r.New = string(last[len(last)-1][1]), string(last[len(last)-1][2])
	}
	if m := crasher.FindSubmatch(out); m != nil {
		r.Found = filepath.Join(filepath.FromSlash(t.Package), filepath.FromSlash(string(m[1])))
	}
	switch {
	case ctx.Err() != nil:
		r.Err = ctx.Err()
	case err != nil && r.Found == "" && ownLimit.Match(out) && r.Executions != "0":
		r.Err = nil
	case err == nil && r.Executions == "0":
		r.Err = errTooShort
	}
	if r.Err != nil {
		r.Output = string(bytes.TrimSpace(out))
	}
	return r
}

// Line is the result in one line.
func (r Result) Line() string {
	how := "holds"
	switch {
	case r.Found != "":
		how = "FOUND " + r.Found
	case r.Err != nil:
		how = "FAILED: " + r.Err.Error()
	}
	return fmt.Sprintf("%-24s %-20s %6s %12s executions %6s new inputs  %s", r.Package, r.Name, r.Lasted.Round(time.Second), r.Executions, r.New, how)
}

// errTooShort says that nothing new was tried: no target holds for that.
var errTooShort = errors.New("it ran no input")

// Advice is what to do about a target that does not hold.
func (r Result) Advice() string {
	if errors.Is(r.Err, errTooShort) {
		return "Its time ended before its seeds had been played: give it more, such as FUZZTIME=60s."
	}
	if r.Found == "" {
		return "The run failed without an input of its own: a seed fails, or the package does not build. Its output is above."
	}
	return fmt.Sprintf(`It fails on the input in %s:
  go test ./%s -run '^%s$/^%s$'
plays it. Cure the kind of fault in the product, write a test that names it, give the file
a name that says what it is, and commit it: from then on it is a seed.`,
		r.Found, r.Package, r.Name, strings.TrimSuffix(filepath.Base(r.Found), "/"))
}
