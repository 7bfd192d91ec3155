package bench

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = `package p

import "testing"

func BenchmarkGood(b *testing.B) { b.ReportMetric(4, "agent-ms"); b.ReportMetric(2, "bare-ms"); b.ReportMetric(0, "ns/op") }

func BenchmarkBad(b *testing.B) { b.ReportMetric(1, "agent-ms"); b.Fatal("it broke") }

func BenchmarkIdle(b *testing.B) { b.ReportMetric(0, "agent-ticks") }
func BenchmarkMemory(b *testing.B) { b.ReportMetric(1, "agent-MB") }

func BenchmarkGrow(b *testing.B) {
	b.Run("pages=2", func(b *testing.B) { b.ReportMetric(7, "agent-ms") })
}

func BenchmarkHalf(b *testing.B) {
	b.Run("pages=2", func(b *testing.B) { b.ReportMetric(7, "agent-ms") })
	b.Run("pages=4", func(b *testing.B) { b.Fatal("it broke") })
}
`

// TestRun: benchmarks of a module are run as often as is asked, and one that fails neither
// takes another's figures with it nor is a figure itself.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "p"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"go.mod": "module example.org/m\n\ngo 1.26\n", "p/p_test.go": module} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var log bytes.Buffer
	grow := func(name, benchmark string) Curve {
		return Curve{Name: name, Package: "./p", Benchmark: benchmark, Key: "pages", Metrics: []Metric{{"agent-ms", "a login"}}}
	}
	r, err := Runner{Root: dir, Runs: 2, Log: &log}.Run(t.Context(), []Row{
		{Name: "good", Package: "./p", Benchmark: "BenchmarkGood", Ours: "agent-ms", Beside: "bare-ms", Ratio: true, AtMost: 2},
		{Name: "bad", Package: "./p", Benchmark: "BenchmarkBad", Ours: "agent-ms", AtMost: 2},
		{Name: "idle", Package: "./p", Benchmark: "BenchmarkIdle", Ours: "agent-ticks", Runs: 1, Alone: true},
		{Name: "memory", Package: "./p", Benchmark: "BenchmarkMemory", Ours: "agent-MB", Runs: 1, Quiet: true, AtMost: 2},
	}, []Curve{grow("grow", "BenchmarkGrow"), grow("half", "BenchmarkHalf")})
	if err != nil {
		t.Fatal(err, log.String())
	}
	var met []string
	for _, m := range r.Rows {
		met = append(met, m.Name+" "+string(m.Met))
	}
	if want := []string{"good yes", "bad not measured", "idle yes", "memory yes"}; !slices.Equal(met, want) || r.Rows[0].Ours.Runs != 2 || r.Rows[2].Ours.Runs != 1 {
		t.Errorf("%q, want %q: %+v", met, want, r.Rows)
	}
	if len(r.Curves) != 1 || r.Curves[0].Name != "grow" || !slices.Equal(r.Missing, []string{"half"}) {
		t.Errorf("%+v, without %q", r.Curves, r.Missing)
	}
	if first, _, _ := strings.Cut(log.String(), "\n"); !strings.HasSuffix(first, "BenchmarkMemory") {
		t.Errorf("what needs quiet is not first:\n%s", log.String())
	}
	if !strings.Contains(log.String(), "it broke") || r.Machine.Cores == 0 {
		t.Errorf("%+v\n%s", r.Machine, log.String())
	}
}

// TestFailed: a program that ends without a word has measured nothing.
func TestFailed(t *testing.T) {
	g := group{benchmarks: []string{"BenchmarkPage", "BenchmarkPages"}}
	for out, want := range map[string][]string{
		"--- FAIL: BenchmarkPages\n":                       {"BenchmarkPages"},
		"--- FAIL: BenchmarkPage/pages=2-2\n    x.go:1: x": {"BenchmarkPage"},
		"--- FAIL: BenchmarkPage-2\n":                      {"BenchmarkPage"},
		"panic: x":                                         g.benchmarks,
	} {
		if got := g.failed([]byte(out)); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", out, got, want)
		}
	}
}
