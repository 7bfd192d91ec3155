// Package bench measures the product beside its floor and its peers: `make bench`.
//
// What is measured are Go benchmarks, beside the code that they are about. One benchmark
// measures both sides, in rounds that take turns, and reports the median of each side as a
// metric of its own, "agent-ms" and "bare-ms". A Row says which two metrics are compared
// and what is wanted of them, a Curve which are drawn. This package runs the benchmarks
// several times, takes the medians with what benchstat is made of, and writes them as a
// table, as bench/results.json, as plots, and into docs/performance.md.
//
// A ratio is taken within each run, so that it holds on a machine that does other work.
//
// It holds nothing. Only one run at a time may write the results.
package bench

import (
	"fmt"
	"strconv"
	"strings"
)

// Row is a line of the table: what is measured, beside what, and what is wanted of it.
type Row struct {
	Name string // how ROWS names it
	What string
	// The benchmark, of a package by its path below the module ("./agent/gate"); a
	// sub-benchmark is named in full, "BenchmarkVerify/key=P-256".
	Package, Benchmark string
	// The metrics, "agent-ms". Without Beside the row is of Ours alone.
	Ours, Beside string
	BesideWhat   string // "the bare program"
	// What is compared with the target: Ours through Beside, Ours less Beside, or, without
	// either, Ours itself, of which Beside only shows what it could be.
	Ratio, Difference bool
	// The target is AtLeast where it is set, and else AtMost, which may be 0.
	AtMost, AtLeast float64
	NoTarget        bool // the row is for comparison over time
	// Needs names a variable of the environment without which the row is "not had", as what
	// it is compared with is nothing that a machine has. NeedsWhat says what it names.
	Needs, NeedsWhat string
	// Runs is how many times the benchmark is run, where the usual number takes too long.
	Runs int
	// Alone is set where the figure is of a process that nothing else on the machine can
	// change, as the ticks of an idle one: it is measured while the others are.
	Alone bool
	// Quiet is set where the figure is of memory, of which what else runs would share a part: it is
	// measured before the others, with nothing beside it.
	Quiet bool
	// Shortfall says why the target is not met, and what was tried. A row with one may miss.
	Shortfall string
}

// Curve is a plot of sub-benchmarks whose names hold a key ("BenchmarkReaders/readers=8"):
// a line for each metric, over the key's numbers; or, where the values are no numbers, a bar
// for each, of metrics that follow each other.
type Curve struct {
	Name, Title        string
	Package, Benchmark string // without the key
	Key                string
	Axis               string // what the key counts
	Unit               string // of all metrics: "ms"
	Metrics            []Metric
	Bars               bool
	LogX               bool
	Runs               int
}

// Metric is a metric of a Curve and its name in the plot.
type Metric struct{ Unit, Label string }

// target is what a person reads of the row's target.
func (r Row) target() string {
	switch {
	case r.NoTarget:
		return "–"
	case r.AtLeast != 0:
		return "≥ " + r.dimension(exact(r.AtLeast))
	}
	return "≤ " + r.dimension(exact(r.AtMost))
}

// dimension is a number with what is compared with the target behind it.
func (r Row) dimension(v string) string {
	switch {
	case r.Ratio:
		return v + " ×"
	case r.Difference:
		return v + " " + unitOf(r.Ours) + " more"
	}
	return v + " " + unitOf(r.Ours)
}

func exact(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// good reports whether a value meets the target.
func (r Row) good(v float64) bool {
	switch {
	case r.NoTarget:
		return true
	case r.AtLeast != 0:
		return v >= r.AtLeast
	}
	return v <= r.AtMost
}

// unitOf is the unit of a metric, without its side.
func unitOf(metric string) string {
	if _, unit, ok := strings.Cut(metric, "-"); ok {
		return unit
	}
	return metric
}

func quantity(v float64, unit string) string {
	return strings.TrimSpace(number(v) + " " + unit)
}

// number has three digits, or all of those before the point.
func number(v float64) string {
	size := max(v, -v)
	switch {
	case size == 0:
		return "0"
	case size >= 100:
		return fmt.Sprintf("%.0f", v)
	}
	decimals := 1
	for limit := 10.0; size < limit && decimals < 6; limit /= 10 {
		decimals++
	}
	return fmt.Sprintf("%.*f", decimals, v)
}
