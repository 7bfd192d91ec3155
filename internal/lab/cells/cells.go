// Package cells is a table of what was tried, printed for people: a row for each case and
// a column for each world that the cases are tried in.
//
// A cell that was not tried is never taken for a good one: it is printed as NOT TRIED
// with its reason, and is an error unless ALLOW_MISSING names its case.
//
// It holds nothing, and its functions may be called concurrently.
package cells

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode"
)

// State is how a cell ended.
type State int

// The states. The zero value is no success.
const (
	NotTried State = iota
	Failed
	Passed
)

// Result is one cell of the table.
type Result struct {
	Case   string // the row: what was tried
	Column string // in which world
	State  State
	Tests  int    // how many passed, where the case is a package of tests
	Why    string // why it was not tried, or what failed
}

// Word is how ALLOW_MISSING names a case: its letters and digits, with hyphens.
func Word(name string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(name), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}), "-")
}

// Allowed are the names that the environment's ALLOW_MISSING names, with commas between
// them.
func Allowed() []string {
	return strings.FieldsFunc(os.Getenv("ALLOW_MISSING"), func(r rune) bool { return r == ',' || r == ' ' })
}

// Table prints the results under the columns. Its error says why they are not enough: a cell that failed,
// one that was not tried and whose case is not in allowed, a word in allowed that is no
// case's, or nothing at all.
func Table(out io.Writer, columns []string, results []Result, allowed []string) error {
	if err := grid(out, columns, results); err != nil {
		return err
	}
	var failed, missing []string
	names := map[string]bool{}
	passed := 0
	for _, r := range results {
		word := Word(r.Case)
		names[word] = true
		switch {
		case r.State == Passed:
			passed++
		case r.State == Failed:
			failed = append(failed, r.Case+" ("+r.Column+")")
			fmt.Fprintf(out, "FAIL %s, %s:\n    %s\n", r.Case, r.Column, strings.ReplaceAll(strings.TrimSpace(r.Why), "\n", "\n    "))
		case !slices.Contains(allowed, word):
			missing = append(missing, word)
		}
	}
	fmt.Fprintf(out, "%d cells: %d passed, %d failed, %d not tried\n", len(results), passed, len(failed), len(results)-passed-len(failed))
	return errors.Join(insufficient(results, failed, missing), unknown(allowed, names))
}

func insufficient(results []Result, failed, missing []string) error {
	var errs []error
	if len(results) == 0 {
		errs = append(errs, errors.New("nothing was tried"))
	}
	if len(failed) > 0 {
		errs = append(errs, fmt.Errorf("failed: %s", strings.Join(failed, ", ")))
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		all := strings.Join(slices.Compact(missing), ",")
		errs = append(errs, fmt.Errorf("not tried: ALLOW_MISSING=%s takes that as it is", all))
	}
	return errors.Join(errs...)
}

func unknown(allowed []string, names map[string]bool) error {
	var errs []error
	for _, word := range allowed {
		if !names[word] {
			errs = append(errs, fmt.Errorf("ALLOW_MISSING names %q, which is no case of the table", word))
		}
	}
	return errors.Join(errs...)
}

// grid prints rows and columns, and below them why cells were not tried. A cell that
// there is none of is a hyphen.
func grid(out io.Writer, columns []string, results []Result) error {
	var rows, notes []string
	table := map[[2]string]string{}
	for _, r := range results {
		if !slices.Contains(rows, r.Case) {
			rows = append(rows, r.Case)
		}
		text := "FAIL"
		switch r.State {
		case Passed:
			if text = "ok"; r.Tests > 0 {
				text = fmt.Sprintf("ok, %d tests", r.Tests)
			}
		case NotTried:
			note := slices.Index(notes, r.Why)
			if note < 0 {
				notes, note = append(notes, r.Why), len(notes)
			}
			text = fmt.Sprintf("NOT TRIED [%d]", note+1)
		}
		table[[2]string{r.Case, r.Column}] = text
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\t"+strings.Join(columns, "\t"))
	for _, row := range rows {
		line := []string{row}
		for _, column := range columns {
			text, ok := table[[2]string{row, column}]
			if !ok {
				text = "-"
			}
			line = append(line, text)
		}
		fmt.Fprintln(t, strings.Join(line, "\t"))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(out)
	for i, note := range notes {
		fmt.Fprintf(out, "[%d] %s\n", i+1, note)
	}
	return nil
}

// String is the result's line while the others run.
func (r Result) String() string {
	switch r.State {
	case Passed:
		return fmt.Sprintf("ok         %s, %s", r.Case, r.Column)
	case Failed:
		return fmt.Sprintf("FAIL       %s, %s: %s", r.Case, r.Column, r.Why)
	}
	return fmt.Sprintf("NOT TRIED  %s, %s: %s", r.Case, r.Column, r.Why)
}
