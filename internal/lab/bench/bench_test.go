package bench

import (
	"bytes"
	"encoding/xml"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../../.."

// TestDocument: the table, the notes and the plots are those of bench/results.json, and
// nobody's hand has been between.
func TestDocument(t *testing.T) {
	r, err := ReadResults(filepath.Join(root, File))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, Document))
	if err != nil {
		t.Fatal(err)
	}
	want, err := r.in(string(text))
	if err != nil {
		t.Fatal(err)
	}
	if want != string(text) {
		t.Errorf("%s is not what %s says: run make bench", Document, File)
	}
	var drawn []string
	for _, d := range r.Curves {
		file := filepath.Join(root, folder, d.Name+".svg")
		drawn = append(drawn, file)
		if svg, err := os.ReadFile(file); err != nil || string(svg) != d.SVG() {
			t.Errorf("%s is not what %s says (%v): run make bench", file, File, err)
		}
	}
	if files, err := filepath.Glob(filepath.Join(root, folder, "*.svg")); err != nil || len(files) != len(drawn) {
		t.Errorf("there are the plots %q, and %s has %q (%v)", files, File, drawn, err)
	}
}

// TestPublished: what is published is all that is measured, in its order, of code that was committed.
func TestPublished(t *testing.T) {
	r, err := ReadResults(filepath.Join(root, File))
	if err != nil {
		t.Fatal(err)
	}
	var published, wanted []string
	for _, m := range r.Rows {
		published = append(published, m.Name)
	}
	for _, d := range r.Curves {
		published = append(published, d.Name)
	}
	for _, row := range Rows {
		wanted = append(wanted, row.Name)
	}
	for _, c := range Curves {
		wanted = append(wanted, c.Name)
	}
	if !slices.Equal(published, wanted) {
		t.Errorf("%s has %q, want %q: run make bench", File, published, wanted)
	}
	for _, m := range r.Rows {
		if m.Met == Failed {
			t.Errorf("%s was not measured: %s", m.Name, m.Why)
		}
	}
	if len(r.Missing) > 0 || r.Machine.Commit == "" || strings.Contains(r.Machine.Commit, " ") {
		t.Errorf("the plots %q are missing, or %q is no commit", r.Missing, r.Machine.Commit)
	}
}

// TestRows: each row and curve has a name of its own and names a benchmark that is there, and
// what was published last is one that there still is.
func TestRows(t *testing.T) {
	declared := map[string]string{}
	names := map[string]bool{}
	check := func(name, pkg, benchmark string) {
		if names[name] || strings.ContainsAny(name, " \t") || name == "" {
			t.Errorf("two are called %q, or that is no name", name)
		}
		names[name] = true
		if declared[pkg] == "" {
			files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pkg), "*_test.go"))
			if err != nil || len(files) == 0 {
				t.Fatal(name, pkg, err)
			}
			for _, file := range files {
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				declared[pkg] += string(text)
			}
		}
		function, _, _ := strings.Cut(benchmark, "/")
		if !regexp.MustCompile(`(?m)^func ` + regexp.QuoteMeta(function) + `\(b \*testing\.B\)`).MatchString(declared[pkg]) {
			t.Errorf("%s: %s has no %s", name, pkg, function)
		}
	}
	for _, r := range Rows {
		check(r.Name, r.Package, r.Benchmark)
		if r.Ratio && r.Difference || (r.Ratio || r.Difference) && r.Beside == "" || r.Beside != "" && r.BesideWhat == "" {
			t.Errorf("%s compares nothing, or twice", r.Name)
		}
		if r.Needs != "" && r.NeedsWhat == "" {
			t.Errorf("%s does not say what %s names", r.Name, r.Needs)
		}
	}
	for _, c := range Curves {
		check(c.Name, c.Package, c.Benchmark)
	}
	published, err := ReadResults(filepath.Join(root, File))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range published.Rows {
		i := slices.IndexFunc(Rows, func(r Row) bool { return r.Name == m.Name })
		if i < 0 {
			t.Errorf("%s has %s, which is no row", File, m.Name)
		} else if r := Rows[i]; r.What != m.What || r.target() != m.Target {
			t.Errorf("%s has %s otherwise than its row: run make bench", File, m.Name)
		}
	}
}

const printed = `goos: linux
pkg: example
cpu: some
BenchmarkTwo/key=P-256-2 	       1	        10.0 agent-ms	         5.0 bare-ms
what else it prints
BenchmarkTwo/key=P-256-2 	       1	        30.0 agent-ms	        10.0 bare-ms
BenchmarkTwo/key=P-256-2 	       1	        20.0 agent-ms	        20.0 bare-ms
BenchmarkTicks 	       1	         0 agent-ticks
PASS
`

func parsed(t *testing.T) samples {
	t.Helper()
	s := samples{}
	if err := s.read(strings.NewReader(printed), "./p"); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestMeasure: what is compared is taken within each run, and a missing metric is no 0.
func TestMeasure(t *testing.T) {
	two := Row{Package: "./p", Benchmark: "BenchmarkTwo/key=P-256", Ours: "agent-ms", Beside: "bare-ms", BesideWhat: "the bare one"}
	with := func(change func(*Row)) Row { r := two; change(&r); return r }
	ticks := Row{Package: "./p", Benchmark: "BenchmarkTicks", Ours: "agent-ticks"}
	for name, c := range map[string]struct {
		row    Row
		text   string
		target string
		met    Met
	}{
		"a ratio that is met":     {with(func(r *Row) { r.Ratio, r.AtMost = true, 2 }), "2.00 ×", "≤ 2 ×", Yes},
		"a ratio that is not":     {with(func(r *Row) { r.Ratio, r.AtMost = true, 1.95 }), "2.00 ×", "≤ 1.95 ×", No},
		"at least":                {with(func(r *Row) { r.Ratio, r.AtLeast = true, 2.5 }), "2.00 ×", "≥ 2.5 ×", No},
		"beside, and not by it":   {with(func(r *Row) { r.AtMost = 20 }), "20.0 ms", "≤ 20 ms", Yes},
		"a difference":            {with(func(r *Row) { r.Difference, r.AtMost = true, 5 }), "5.00 ms more", "≤ 5 ms more", Yes},
		"at most nothing":         {ticks, "0 ticks", "≤ 0 ticks", Yes},
		"without a target":        {with(func(r *Row) { r.Ratio, r.NoTarget = true, true }), "2.00 ×", "–", Untargeted},
		"no such metric":          {with(func(r *Row) { r.Ratio, r.Beside = true, "peer-ms" }), "", "≤ 0 ×", Failed},
		"no such benchmark":       {with(func(r *Row) { r.Benchmark = "BenchmarkTwo/key=P-384" }), "", "≤ 0 ms", Failed},
		"what it needs is absent": {with(func(r *Row) { r.Needs, r.NeedsWhat = "CPX_TEST_NOWHERE", "a peer" }), "", "≤ 0 ms", NotHad},
	} {
		m := parsed(t).row(c.row, nil)
		if m.Text != c.text || m.Target != c.target || m.Met != c.met || (m.Met == Failed || m.Met == NotHad) != (m.Why != "") {
			t.Errorf("%s: %+v", name, m)
		}
	}
	if m := parsed(t).row(two, map[string]string{"./p BenchmarkTwo": "exit status 1"}); m.Met != Failed || m.Why != "exit status 1" {
		t.Errorf("a benchmark that failed is %+v", m)
	}
}

// TestFaults: a target that is missed for a reason is none, and what was not measured is.
func TestFaults(t *testing.T) {
	r := Results{Rows: []Measured{
		{Name: "good", Met: Yes}, {Name: "absent", Met: NotHad, Why: "no peer"}, {Name: "explained", Met: No, Shortfall: "the card"},
		{Name: "slow", Met: No, Text: "3 ×", Target: "≤ 2 ×"}, {Name: "broken", Met: Failed, Why: "exit status 1"},
	}, Missing: []string{"readers"}}
	want := []string{"slow is 3 ×, wanted ≤ 2 ×", "broken was not measured: exit status 1", "the curve readers was not measured"}
	if got := r.Faults(); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	var out bytes.Buffer
	if err := r.Print(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"explained is not met: the card", "absent, not had: no peer", "1 targets met, 2 not, 0 rows without one, 1 not had, 1 not measured"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

// TestGroups: a benchmark that several rows are about is run once, as often as any asks.
func TestGroups(t *testing.T) {
	got := Runner{Runs: 3}.groups([]Row{
		{Package: "./a", Benchmark: "BenchmarkX/key=1"}, {Package: "./a", Benchmark: "BenchmarkX/key=2", Runs: 5}, {Package: "./a", Benchmark: "BenchmarkY"},
		{Package: "./a", Benchmark: "BenchmarkIdle", Runs: 1, Alone: true}, {Package: "./a", Benchmark: "BenchmarkMemory", Runs: 1, Quiet: true}, {Package: "./a", Benchmark: "BenchmarkPeer", Needs: "CPX_TEST_NOWHERE"},
	}, []Curve{{Package: "./a", Benchmark: "BenchmarkZ"}})
	want := []group{{"./a", 5, false, false, []string{"BenchmarkX"}}, {"./a", 3, false, false, []string{"BenchmarkY", "BenchmarkZ"}}, {"./a", 1, true, false, []string{"BenchmarkIdle"}}, {"./a", 1, false, true, []string{"BenchmarkMemory"}}}
	if !slices.EqualFunc(got, want, func(a, b group) bool {
		return a.pkg == b.pkg && a.runs == b.runs && a.alone == b.alone && a.quiet == b.quiet && slices.Equal(a.benchmarks, b.benchmarks)
	}) {
		t.Errorf("%+v", got)
	}
}

func TestNamed(t *testing.T) {
	if _, _, err := Named([]string{"no-such"}); !errors.Is(err, errNoSuchRow) {
		t.Error(err)
	}
	if rows, _, err := Named([]string{Rows[0].Name}); err != nil || len(rows) != 1 {
		t.Error(rows, err)
	}
}

// TestNumber: three digits, and none of those before the point is dropped.
func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 12345: "12345", 99.94: "99.9", 1.5: "1.50", 0.0494: "0.0494", -2.25: "-2.25"} {
		if got := number(v); got != want {
			t.Errorf("%v: %s, want %s", v, got, want)
		}
	}
}

const points = `pkg: example
BenchmarkGrow/readers=16-2 	       1	        8.0 read-ms	         2.0 login-ms
BenchmarkGrow/readers=2-2 	       1	        4.0 read-ms	         2.0 login-ms
BenchmarkGrow/readers=2-2 	       1	        6.0 read-ms	         2.0 login-ms
`

// TestDraw: the points of a curve are in the order of the key's numbers, each a median, and
// what nothing reports is no plot.
func TestDraw(t *testing.T) {
	s := samples{}
	if err := s.read(strings.NewReader(points), "./p"); err != nil {
		t.Fatal(err)
	}
	c := Curve{Name: "grow", Title: "It <grows>", Package: "./p", Benchmark: "BenchmarkGrow", Key: "readers", Axis: "readers", Unit: "ms",
		Metrics: []Metric{{"read-ms", "read"}, {"login-ms", "a login"}}, LogX: true}
	d, err := s.draw(c)
	if err != nil || len(d.Lines) != 2 || len(d.Lines[0].Points) != 2 || d.Lines[0].Points[0].At != "2" || d.Lines[0].Points[0].Value.Median != 5 {
		t.Fatalf("%+v %v", d, err)
	}
	for _, bars := range []bool{false, true} {
		d.Bars = bars
		svg := d.SVG()
		if err := xml.Unmarshal([]byte(svg), new(struct{})); err != nil || strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") ||
			!strings.Contains(svg, "a login") || !strings.Contains(svg, "It &lt;grows&gt;") || svg != d.SVG() {
			t.Errorf("bars %v: %v\n%s", bars, err, svg)
		}
	}
	c.Metrics = append(c.Metrics, Metric{"never-ms", "never"})
	if _, err := s.draw(c); !errors.Is(err, errNotMeasured) {
		t.Error(err)
	}
	c.Metrics, c.Key = c.Metrics[:1], "pages"
	if _, err := s.draw(c); !errors.Is(err, errNotMeasured) {
		t.Error(err)
	}
}

// TestTicks: round steps from 0 that reach the highest value, few of them.
func TestTicks(t *testing.T) {
	for _, most := range []float64{0, 0.0031, 0.99, 1, 7, 10, 61, 623, 99999} {
		list := ticks(most)
		if list[0] != 0 || list[len(list)-1] < most || len(list) < 2 || len(list) > 8 {
			t.Errorf("%v: %v", most, list)
		}
	}
}
