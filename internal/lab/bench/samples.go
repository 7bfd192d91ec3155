package bench

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/perf/benchfmt"
	"golang.org/x/perf/benchmath"
)

// samples are the values that benchmarks reported: by benchmark, then by metric, one of each
// run, in the order of the runs.
type samples map[string]map[string][]float64

// read adds what a program of tests printed.
func (s samples) read(r io.Reader, pkg string) error {
	lines := benchfmt.NewReader(r, pkg)
	for lines.Scan() {
		result, ok := lines.Result().(*benchfmt.Result)
		if !ok {
			continue // what else a benchmark prints
		}
		name := key(pkg, benchmarkName(result.Name))
		if s[name] == nil {
			s[name] = map[string][]float64{}
		}
		for _, v := range result.Values {
			unit, value := v.Unit, v.Value
			if v.OrigUnit != "" {
				unit, value = v.OrigUnit, v.OrigValue
			}
			s[name][unit] = append(s[name][unit], value)
		}
	}
	return lines.Err()
}

// benchmarkName is a name without the number of processors at its end.
func benchmarkName(n benchfmt.Name) string {
	base, parts := n.Parts()
	name := "Benchmark" + string(base)
	for _, part := range parts {
		if part[0] == '/' {
			name += string(part)
		}
	}
	return name
}

func key(pkg, benchmark string) string { return pkg + " " + benchmark }

// Value is a median, and the interval in which it lies with a confidence of 95 %, or the
// whole range where there are too few runs for one.
type Value struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
	Runs   int     `json:"runs"`
}

func valueOf(values []float64) Value {
	sample := benchmath.NewSample(append([]float64(nil), values...), &benchmath.DefaultThresholds)
	s := benchmath.AssumeNothing.Summary(sample, 0.95)
	n := len(sample.Values)
	return Value{Median: s.Center, Low: max(s.Lo, sample.Values[0]), High: min(s.Hi, sample.Values[n-1]), Runs: n}
}

var errNotMeasured = errors.New("not measured")

// metric are the values of one metric.
func (s samples) metric(pkg, benchmark, unit string) ([]float64, error) {
	all, ok := s[key(pkg, benchmark)]
	if !ok {
		return nil, fmt.Errorf("%w: %s in %s printed no result", errNotMeasured, benchmark, pkg)
	}
	if len(all[unit]) == 0 {
		return nil, fmt.Errorf("%w: %s in %s reports no %s", errNotMeasured, benchmark, pkg, unit)
	}
	return all[unit], nil
}

// measure compares the two sides of a row, run by run.
func (s samples) measure(r Row) (Measured, error) {
	m := Measured{Name: r.Name, What: r.What, Unit: unitOf(r.Ours), Target: r.target(), Shortfall: r.Shortfall}
	ours, err := s.metric(r.Package, r.Benchmark, r.Ours)
	if err != nil {
		return m, err
	}
	compared := ours
	m.Ours = valueOf(ours)
	if r.Beside != "" {
		beside, err := s.metric(r.Package, r.Benchmark, r.Beside)
		if err != nil {
			return m, err
		}
		if len(beside) != len(ours) {
			return m, fmt.Errorf("%w: %s: %d runs reported %s, and %d %s", errNotMeasured, r.Benchmark, len(ours), r.Ours, len(beside), r.Beside)
		}
		v := valueOf(beside)
		m.Beside, m.BesideWhat, m.BesideUnit = &v, r.BesideWhat, unitOf(r.Beside)
		if compared, err = compare(r, ours, beside); err != nil {
			return m, err
		}
	}
	figure := valueOf(compared)
	m.Figure, m.Text = figure, r.dimension(number(figure.Median))
	m.Met = No
	if r.good(figure.Median) {
		m.Met = Yes
	}
	if r.NoTarget {
		m.Met = Untargeted
	}
	return m, nil
}

func compare(r Row, ours, beside []float64) (list []float64, err error) {
	for i := range ours {
		switch {
		case r.Difference:
			list = append(list, ours[i]-beside[i])
		case beside[i] == 0:
			return nil, fmt.Errorf("%w: %s: %s is 0", errNotMeasured, r.Benchmark, r.Beside)
		default:
			list = append(list, ours[i]/beside[i])
		}
	}
	if !r.Ratio && !r.Difference {
		return ours, nil
	}
	return list, nil
}

// draw takes the points of a curve.
func (s samples) draw(c Curve) (Drawn, error) {
	d := Drawn{Name: c.Name, Title: c.Title, Axis: c.Axis, Unit: c.Unit, Bars: c.Bars, LogX: c.LogX}
	prefix := key(c.Package, c.Benchmark+"/"+c.Key+"=")
	for _, m := range c.Metrics {
		line := Line{Label: m.Label}
		for name := range s {
			at, ok := strings.CutPrefix(name, prefix)
			if !ok || len(s[name][m.Unit]) == 0 {
				continue
			}
			line.Points = append(line.Points, Point{At: at, Value: valueOf(s[name][m.Unit])})
		}
		if len(line.Points) == 0 {
			return d, fmt.Errorf("%w: no %s=… of %s in %s reports %s", errNotMeasured, c.Key, c.Benchmark, c.Package, m.Unit)
		}
		sortPoints(line.Points)
		d.Lines = append(d.Lines, line)
	}
	return d, nil
}
