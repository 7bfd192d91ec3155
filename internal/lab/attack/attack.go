// Package attack starts agent and portal as they are shipped and attacks them from
// outside: a web page, a program of the same person, another user of the machine, a
// stranger at the portal. Each line of [Lines] has its attacks, and each attack checks
// both that it failed and that it got as far as the check that it is about.
//
// It is for one caller at a time, on Linux. It writes under one folder only, and never
// meets the person's own agent, browser or settings.
package attack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
)

// Attack is one way to attack what one line of Lines names.
type Attack struct {
	Line int // of Lines
	// Title says what is tried, in a few words.
	Title string
	// Short says that it needs no root, no browser and little time: `make test` plays it.
	Short bool
	// Options of the stack that is attacked; Dir and Bin are set by Run.
	Options stack.Options
	Empty   bool // Play calls World.Open itself, or needs no stack
	// Play attacks, and records what came back. An error that is a Missing says that
	// it could not be tried; any other, that the attack itself broke down.
	Play func(w *World, r *Record) error
}

// Missing is why an attack could not be tried here: what this machine lacks.
type Missing string

func (m Missing) Error() string { return string(m) }

// Record is what came back from an attack. It may be used from any goroutine.
type Record struct {
	checks chan check
	all    []check
}

type check struct {
	tried, got string
	held       bool
}

// Check records one thing that was tried, what came back, and whether that is right.
func (r *Record) Check(held bool, tried, got string, values ...any) {
	r.checks <- check{tried, fmt.Sprintf(got, values...), held}
}

// Result is how an attack ended.
type Result struct {
	Attack
	Missing string   // why it was not tried
	Held    int      // checks that held
	Broken  []string // what did not hold
	Last    string   // an example of what was tried and came back
	Took    time.Duration
}

// Good reports whether the attack was made, and failed.
func (r Result) Good() bool { return r.Missing == "" && r.Held > 0 && len(r.Broken) == 0 }

// String is the result's line.
func (r Result) String() string {
	line := fmt.Sprintf("%2d %s: %s", r.Line, Lines[r.Line-1].Title, r.Title)
	switch {
	case r.Missing != "":
		return "NOT TRIED " + line + ": " + r.Missing
	case len(r.Broken) > 0:
		return "NOT HELD  " + line + "\n          " + strings.Join(r.Broken, "\n          ")
	case r.Held == 0:
		return "NOT HELD  " + line + ": it checked nothing"
	}
	return fmt.Sprintf("held      %s: %d of %d, such as %s (%.1f s)", line, r.Held, r.Held, r.Last, r.Took.Seconds())
}

// All are the attacks, in the order of Lines.
func All() []Attack { return all() }

// Run plays attacks on the programs in bin, and reports each.
func Run(ctx context.Context, dir, bin string, attacks []Attack, report func(Result)) error {
	for _, a := range attacks {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		report(one(ctx, dir, bin, a))
	}
	return nil
}

func one(ctx context.Context, dir, bin string, a Attack) (result Result) {
	result.Attack = a
	begun := time.Now()
	r := &Record{checks: make(chan check)}
	recorded := make(chan struct{})
	go func() {
		defer close(recorded)
		for c := range r.checks {
			r.all = append(r.all, c)
		}
	}()
	err := play(ctx, dir, bin, a, r)
	close(r.checks)
	<-recorded
	var missing Missing
	switch {
	case errors.As(err, &missing):
		result.Missing = string(missing)
	case err != nil:
		result.Broken = append(result.Broken, "the attack broke down: "+err.Error())
	}
	for _, c := range r.all {
		if c.held {
			result.Held++
			result.Last = c.tried + " → " + c.got
		} else {
			result.Broken = append(result.Broken, c.tried+" → "+c.got)
		}
	}
	result.Took = time.Since(begun)
	return result
}

// Summary prints what the results amount to. Its error says why they are not enough:
// an attack that succeeded, or one that was not tried and whose line is not in allowed.
func Summary(out io.Writer, results []Result, allowed []string) error {
	var bad, absent []string
	held := 0
	for _, r := range results {
		switch number := fmt.Sprint(r.Line); {
		case r.Good():
			held++
		case r.Missing == "":
			bad = append(bad, number)
		case !slices.Contains(allowed, number):
			absent = append(absent, number)
		}
	}
	fmt.Fprintf(out, "%d attacks: %d held, %d not held, %d not tried\n", len(results), held, len(bad), len(results)-held-len(bad))
	var errs []error
	if len(results) == 0 {
		errs = append(errs, errors.New("nothing was attacked"))
	}
	if len(bad) > 0 {
		errs = append(errs, fmt.Errorf("not held: line %s", strings.Join(slices.Compact(bad), ", ")))
	}
	if len(absent) > 0 {
		errs = append(errs, fmt.Errorf("not tried: line %s (ALLOW_MISSING=%s takes that as it is)", strings.Join(slices.Compact(absent), ", "), strings.Join(slices.Compact(absent), ",")))
	}
	return errors.Join(errs...)
}

// Allowed are the lines that the environment's ALLOW_MISSING names: numbers with
// commas between them.
func Allowed() []string {
	return strings.FieldsFunc(os.Getenv("ALLOW_MISSING"), func(r rune) bool { return r == ',' || r == ' ' })
}
