// Package model runs spin on the model of the agent's logins (login.pml): whether what
// must always hold does in every order of events, and whether a recorded run of the
// agent is a path of the model.
package model

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

//go:embed login.pml
var source string

// Variant is the model with these definitions ("PAGES 3"), and what is asked of it.
type Variant struct {
	Define []string
	// Liveness builds for the ltl formulas, under weak fairness; without it for the
	// assertions, and for processes that wait for ever.
	Liveness bool
	// Quick compiles fast, for a search that ends soon.
	Quick bool
	// Deep has memory for many more states and for paths of millions of steps: for three
	// requests. Depth first all the same: breadth first makes little of the order of
	// steps that do not meet, and has to see six times as many states.
	Deep bool
}

// Verifier is a variant, built by spin and gcc.
type Verifier struct {
	dir     string
	variant Variant
}

// Result is a search through all that the model can do.
type Result struct {
	Errors    int
	First     string // the first error, as pan says it
	States    float64
	MB        float64
	Seconds   float64
	Unreached []string // statements, "line N: text"
	Output    string
}

// The memory of a search, and of one that is Deep.
const mostMB, mostDeepMB = 1000, 12000

// Build writes the verifier into dir, which is its own.
func Build(ctx context.Context, dir string, v Variant) (*Verifier, error) {
	var program strings.Builder
	if v.Liveness {
		program.WriteString("#define LIVENESS\n")
	}
	for _, d := range v.Define {
		fmt.Fprintf(&program, "#define %s\n", d)
	}
	program.WriteString("#include \"login.pml\"\n")
	return build(ctx, dir, v, program.String())
}

func build(ctx context.Context, dir string, v Variant, program string) (*Verifier, error) {
	err := errors.Join(
		os.WriteFile(filepath.Join(dir, "login.pml"), []byte(source), 0o600),
		os.WriteFile(filepath.Join(dir, "run.pml"), []byte(program), 0o600),
	)
	if err != nil {
		return nil, err
	}
	if out, err := command(ctx, dir, "spin", "-a", "run.pml"); err != nil || strings.Contains(out, "Error:") {
		return nil, fmt.Errorf("spin: %w\n%s", errors.Join(err, errRefused), out)
	}
	optimise := "-O2"
	if v.Quick {
		optimise = "-O0"
	}
	flags := []string{optimise, "-w", "-o", "pan", "-DCOLLAPSE", "-DVECTORSZ=4096"}
	if v.Deep {
		flags = append(flags, fmt.Sprint("-DMEMLIM=", mostDeepMB))
	} else {
		flags = append(flags, fmt.Sprint("-DMEMLIM=", mostMB))
	}
	if v.Liveness {
		flags = append(flags, "-DNFAIR=4") // for so many times eight processes
	} else {
		flags = append(flags, "-DSAFETY", "-DNOCLAIM")
	}
	if out, err := command(ctx, dir, "gcc", append(flags, "pan.c")...); err != nil {
		return nil, fmt.Errorf("gcc: %w\n%s", err, out)
	}
	return &Verifier{dir, v}, nil
}

var errRefused = errors.New("the model is not Promela")

func command(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// Check searches. The ltl formula is for a Verifier built for Liveness. An error is
// that the search was not made, or not in full.
func (v *Verifier) Check(ctx context.Context, formula string) (Result, error) {
	args := []string{"-m2000000", "-w22"}
	if v.variant.Deep {
		args = []string{"-m20000000", "-w25"}
	}
	if v.variant.Liveness {
		args = append(args, "-a", "-f", "-N", formula)
	}
	out, err := command(ctx, v.dir, "./pan", args...)
	r, parsed := parse(out)
	return r, errors.Join(err, parsed)
}

var (
	vector    = regexp.MustCompile(`(?m)^State-vector \d+ byte, depth reached \d+, errors: (\d+)$`)
	stored    = regexp.MustCompile(`(?m)^\s*([\d.e+]+) states, stored`)
	memory    = regexp.MustCompile(`(?m)^\s*([\d.]+)\s+total actual memory usage`)
	elapsed   = regexp.MustCompile(`(?m)^pan: elapsed time ([\d.e+-]+) seconds`)
	firstFail = regexp.MustCompile(`(?m)^pan:1: (.*)$`)
	unreached = regexp.MustCompile(`(?m)^\s+\S*login\.pml:(\d+), state \d+, "(.*)"$`)
)

// incomplete are what pan says where it did not search through everything.
var incomplete = []string{"max search depth too small", "out of memory", "Search not completed", "VECTORSZ", "too many processes", "resource"}

func parse(out string) (Result, error) {
	r := Result{Output: out}
	found := vector.FindStringSubmatch(out)
	if found == nil {
		return r, fmt.Errorf("%w:\n%s", errNoSearch, out)
	}
	r.Errors, _ = strconv.Atoi(found[1])
	r.States, r.MB, r.Seconds = number(stored, out), number(memory, out), number(elapsed, out)
	if m := firstFail.FindStringSubmatch(out); m != nil {
		r.First = m[1]
	}
	for _, m := range unreached.FindAllStringSubmatch(out, -1) {
		r.Unreached = append(r.Unreached, "line "+m[1]+": "+m[2])
	}
	if r.Errors == 0 {
		for _, sign := range incomplete {
			if strings.Contains(out, sign) {
				return r, fmt.Errorf("%w: %s", errNotAll, sign)
			}
		}
	}
	return r, nil
}

var (
	errNoSearch = errors.New("pan made no search")
	errNotAll   = errors.New("pan did not search through everything")
)

func number(expression *regexp.Regexp, out string) float64 {
	m := expression.FindStringSubmatch(out)
	if m == nil {
		return 0
	}
	n, _ := strconv.ParseFloat(m[1], 64)
	return n
}

var stepList = regexp.MustCompile(`(?s)mtype:step = \{(.*?)\};`)

// Steps are the names of the model's steps.
func Steps() []string {
	list := regexp.MustCompile(`(?s)/\*.*?\*/`).ReplaceAllString(stepList.FindStringSubmatch(source)[1], "")
	names := strings.FieldsFunc(list, func(r rune) bool { return strings.ContainsRune(", \n\t", r) })
	return slices.DeleteFunc(names, func(name string) bool { return name == "nothing" })
}
