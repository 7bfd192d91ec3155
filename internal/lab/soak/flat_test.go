package soak

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

// grown are the rows that are not flat.
func grown(rows []Row) string {
	var names []string
	for _, r := range rows {
		if !r.Flat() {
			names = append(names, r.Of+" "+r.What)
		}
	}
	return strings.Join(names, ", ")
}

// TestRows: what swings is flat, and what leaks a little each time is not.
func TestRows(t *testing.T) {
	const n = 40
	for name, c := range map[string]struct {
		change func(i int, s *Sample)
		want   string
	}{
		"nothing": {func(int, *Sample) {}, ""},
		"memory swings": {func(i int, s *Sample) {
			u := s.Uses["agent"]
			u.Kilobytes += i % 3 * 9 << 10
			s.Uses["agent"] = u
		}, ""},
		"memory leaks, and swings": {func(i int, s *Sample) {
			u := s.Uses["agent"]
			u.Kilobytes += i%3*9<<10 + i*200
			s.Uses["agent"] = u
		}, "agent kB"},
		"descriptors leak": {func(i int, s *Sample) {
			u := s.Uses["portal"]
			u.Descriptors += i / 4
			s.Uses["portal"] = u
		}, "portal descriptors"},
		"threads leak": {func(i int, s *Sample) {
			u := s.Uses["portal"]
			u.Threads += i / 3
			s.Uses["portal"] = u
		}, "portal threads"},
		"a process remains":     {func(i int, s *Sample) { s.Processes += i / 8 }, "all processes"},
		"a dialog now and then": {func(i int, s *Sample) { s.Processes += i % 2 }, ""},
		"files remain":          {func(i int, s *Sample) { s.Files += i / 8 }, "all temporary files"},
		"another process of the name": {func(i int, s *Sample) {
			u := s.Uses["agent"]
			u.PID, u.Kilobytes = u.PID+i/20, u.Kilobytes<<(i/20)
			s.Uses["agent"] = u
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var samples []Sample
			for i := range n {
				s := Sample{Uses: map[string]Use{"agent": {1, 9 << 10, 20, 9}, "portal": {2, 12 << 10, 12, 8}}, Processes: 4, Files: 3}
				c.change(i, &s)
				samples = append(samples, s)
			}
			rows := Rows(samples)
			if got := grown(rows); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
			flat, err := Table(io.Discard, rows)
			if err != nil || flat != (c.want == "") {
				t.Errorf("flat %v, %v", flat, err)
			}
		})
	}
	if Rows([]Sample{{}}) != nil {
		t.Error("one sample was compared with itself")
	}
}

// TestGoroutines: what Go's runtime prints is counted by what started each, and who started
// more is named.
func TestGoroutines(t *testing.T) {
	dump := func(workers int) string {
		var b strings.Builder
		b.WriteString("time=… msg=\"created by nobody\"\n\ngoroutine 9 [running]:\nof before\n\nSIGQUIT: quit\nPC=0x1 m=0 sigcode=0\n\n" +
			"goroutine 0 gp=0x1 m=0 mp=0x1 [idle]:\nruntime.futex()\n\ngoroutine 1 [select]:\nmain.main()\n\t/x.go:1\n")
		for i := range workers {
			fmt.Fprintf(&b, "\ngoroutine %d [IO wait]:\nnet.read()\n\t/y.go:2\ncreated by agent/gate.(*Gate).serve in goroutine %d\n\t/z.go:3 +0x1\n", 20+i, i)
		}
		return b.String() + "\nrax    0x1\n"
	}
	few, many := Goroutines(dump(2)), Goroutines(dump(9))
	if fmt.Sprint(few) != "map[agent/gate.(*Gate).serve:2 main:1]" {
		t.Errorf("%v", few)
	}
	if got := grown(GoroutineRows("agent", few, many)); got != "agent goroutines, agent goroutines of agent/gate.(*Gate).serve" {
		t.Errorf("%q", got)
	}
	if rows := GoroutineRows("agent", few, few); len(rows) != 1 || !rows[0].Flat() {
		t.Errorf("%v", rows)
	}
	if got := Goroutines("no dump"); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

// TestTableNamesWhatGrew: a person reads what and by how much.
func TestTableNamesWhatGrew(t *testing.T) {
	var b strings.Builder
	flat, err := Table(&b, []Row{{"agent", "kB", 100, 9000, 4096}, {"agent", "threads", 9, 9, 6}})
	if err != nil || flat || !slices.Contains(strings.Split(b.String(), "\n"), "| agent | kB | 100 | 9000 | NO: 8900 more, 4096 may be |") {
		t.Errorf("%v %v\n%s", flat, err, b.String())
	}
}
