// Package soak plays the days of a workstation and of a portal in one go, by the programs as
// they are built: logins, cards that come and go, pages, refused dialogs, module processes
// that end, and old rows that go. What the processes have is compared at start and end: it
// must not have grown. `make soak` plays all, `make test` a hundredth.
//
// What is here decides about samples, for one caller; the rest is tests.
package soak

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Use is what a process has at a moment.
type Use struct {
	PID         int
	Kilobytes   int // of its own memory, in no file
	Descriptors int
	Threads     int
}

// Sample is what there is at a moment when nothing is under way.
type Sample struct {
	Uses      map[string]Use // by the name of the process
	Processes int
	Files     int // in the folders that must not fill
}

// Row is a line of the table: one thing that must not have grown.
type Row struct {
	Of, What   string
	Start, End int
	Bound      int // by which it may be more at the end
}

// Flat reports whether it has not grown.
func (r Row) Flat() bool { return r.End-r.Start <= r.Bound }

// By how much a process may have more at the end. What is at rest has the same descriptors each
// time, but for those of a connection that is just being closed, and two of Go's poller, which
// it opens when it first needs them. Go starts threads when many calls block at once, and ends
// none.
const (
	moreKilobytes   = 4 << 10
	moreDescriptors = 4
	moreThreads     = 6
	moreGoroutines  = 4
	// One is being started anew, or not yet. The tray's toolkit has its icon in a file, and is
	// just replacing it by another.
	moreProcesses = 1
	moreFiles     = 2
)

// window is the part of the samples, at each end, of which the least counts: memory swings with
// each collection of garbage, and what leaks is in the least too.
const window = 4

// Rows compares the first samples with the last ones. A process that was restarted meanwhile is
// not compared with the one after it.
func Rows(samples []Sample) (rows []Row) {
	n := max(1, len(samples)/window)
	if len(samples) < 2*n {
		return nil
	}
	first, last := samples[:n], samples[len(samples)-n:]
	compare := func(of, what string, bound int, value func(Sample) int) {
		least := func(of []Sample) int {
			return value(slices.MinFunc(of, func(a, b Sample) int { return value(a) - value(b) }))
		}
		rows = append(rows, Row{Of: of, What: what, Start: least(first), End: least(last), Bound: bound})
	}
	for _, name := range throughout(samples) {
		compare(name, "kB", moreKilobytes, func(s Sample) int { return s.Uses[name].Kilobytes })
		compare(name, "descriptors", moreDescriptors, func(s Sample) int { return s.Uses[name].Descriptors })
		compare(name, "threads", moreThreads, func(s Sample) int { return s.Uses[name].Threads })
	}
	compare("all", "processes", moreProcesses, func(s Sample) int { return s.Processes })
	compare("all", "temporary files", moreFiles, func(s Sample) int { return s.Files })
	return rows
}

// throughout are the names that are the same process in all samples.
func throughout(samples []Sample) (names []string) {
	for name, first := range samples[0].Uses {
		if !slices.ContainsFunc(samples, func(s Sample) bool { return s.Uses[name].PID != first.PID }) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Table prints the rows, and reports whether all are flat.
func Table(w io.Writer, rows []Row) (flat bool, err error) {
	flat = true
	var b strings.Builder
	b.WriteString("| of | what | at start | at end | flat |\n|---|---|---|---|---|\n")
	for _, r := range rows {
		verdict := "yes"
		if !r.Flat() {
			verdict, flat = fmt.Sprintf("NO: %d more, %d may be", r.End-r.Start, r.Bound), false
		}
		fmt.Fprintf(&b, "| %s | %s | %d | %d | %s |\n", r.Of, r.What, r.Start, r.End, verdict)
	}
	_, err = io.WriteString(w, b.String())
	return flat, err
}

// Goroutines counts those of a Go program that was ended by SIGQUIT, by what started each, in
// what it printed.
func Goroutines(printed string) map[string]int {
	_, dump, found := cutLast(printed, "SIGQUIT: quit")
	counts := map[string]int{}
	if !found {
		return counts
	}
	for _, block := range strings.Split(dump, "\n\n") {
		block = strings.TrimSpace(block)
		if !strings.HasPrefix(block, "goroutine ") || strings.HasPrefix(block, "goroutine 0 ") {
			continue
		}
		by := "main"
		if _, line, created := cutLast(block, "\ncreated by "); created {
			by, _, _ = strings.Cut(line, "\n")
			by, _, _ = strings.Cut(by, " in goroutine ")
		}
		counts[by]++
	}
	return counts
}

func cutLast(text, sep string) (before, after string, found bool) {
	i := strings.LastIndex(text, sep)
	if i < 0 {
		return text, "", false
	}
	return text[:i], text[i+len(sep):], true
}

// GoroutineRows compares the goroutines of a process in all, and names who started more.
func GoroutineRows(of string, start, end map[string]int) []Row {
	total := func(counts map[string]int) (n int) {
		for _, c := range counts {
			n += c
		}
		return n
	}
	rows := []Row{{Of: of, What: "goroutines", Start: total(start), End: total(end), Bound: moreGoroutines}}
	if rows[0].Flat() {
		return rows
	}
	var names []string
	for by := range end {
		if end[by] > start[by] {
			names = append(names, by)
		}
	}
	slices.Sort(names)
	for _, by := range names {
		rows = append(rows, Row{Of: of, What: "goroutines of " + by, Start: start[by], End: end[by], Bound: moreGoroutines})
	}
	return rows
}
