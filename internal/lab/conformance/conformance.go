// Package conformance runs one suite of cases against every PKCS#11 module that
// this machine has, and compares each outcome with the one that expected.toml
// states beforehand, with its source.
//
// It is for one caller at a time, because modules read the environment of the
// process.
package conformance

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/pelletier/go-toml/v2"

	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

//go:embed expected.toml
var expectedText []byte

// cell is one expected outcome.
type cell struct {
	Is     string `toml:"is"`
	Source string `toml:"source"`
}

// expectation is a case's expected outcome, and those of modules, or groups of them,
// that differ.
type expectation struct {
	cell
	Except map[string]cell `toml:"except"`
}

func expected() (map[string]expectation, error) {
	// TOML tables do not fill embedded fields, so those are read separately.
	var raw map[string]struct {
		Is     string          `toml:"is"`
		Source string          `toml:"source"`
		Except map[string]cell `toml:"except"`
	}
	if err := toml.Unmarshal(expectedText, &raw); err != nil {
		return nil, fmt.Errorf("expected.toml: %w", err)
	}
	all := map[string]expectation{}
	for name, r := range raw {
		all[name] = expectation{cell{r.Is, r.Source}, r.Except}
	}
	return all, nil
}

func (e expectation) of(m module) cell {
	for _, name := range append([]string{m.name}, m.groups...) {
		if c, ok := e.Except[name]; ok {
			return c
		}
	}
	return e.cell
}

// Result is one cell of the table.
type Result struct{ Case, Module, Got, Want, Source string }

// Good reports whether the outcome is the expected one.
func (r Result) Good() bool { return r.Got == r.Want && r.Want != "" && r.Source != "" }

// Missing is a module that is not available here, and why.
type Missing struct{ Module, Why string }

// Run runs every case against every module, or against the one named only, in
// folders under dir.
func Run(ctx context.Context, dir, only string) ([]Result, []Missing, error) {
	want, err := expected()
	if err != nil {
		return nil, nil, err
	}
	// Before anything uses the client library, which reads the name once.
	if _, err := socket(); err != nil {
		return nil, nil, err
	}
	var results []Result
	var missing []Missing
	for _, m := range modules() {
		if m.root != os.Getenv(rootVariable) || only != "" && m.name != only {
			continue
		}
		if why := m.missing(); why != "" {
			missing = append(missing, Missing{m.name, why})
			continue
		}
		for _, c := range allCases() {
			got, err := run(ctx, dir, m, c)
			if err != nil {
				got = "failed to set up: " + err.Error()
			}
			w := want[c.name].of(m)
			results = append(results, Result{c.name, m.name, got, w.Is, w.Source})
		}
	}
	return results, missing, nil
}

// run runs one case on a card of its own.
func run(ctx context.Context, parent string, m module, c testCase) (got string, err error) {
	dir, err := os.MkdirTemp(parent, "c")
	if err != nil {
		return "", err
	}
	l, err := m.open(ctx, dir, c.needs)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, l.close(), os.RemoveAll(dir)) }()
	return c.do(ctx, l), nil
}

// Table prints modules as columns, and below them every cell that is not as
// expected. It returns how many those are.
func Table(w io.Writer, results []Result, missing []Missing) (bad int, err error) {
	var columns, rows []string
	cells := map[[2]string]Result{}
	for _, r := range results {
		if !slices.Contains(columns, r.Module) {
			columns = append(columns, r.Module)
		}
		if !slices.Contains(rows, r.Case) {
			rows = append(rows, r.Case)
		}
		cells[[2]string{r.Case, r.Module}] = r
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\t"+strings.Join(columns, "\t"))
	var notes []string
	for _, row := range rows {
		line := []string{row}
		for _, column := range columns {
			r := cells[[2]string{row, column}]
			text := r.Got
			if why, not := strings.CutPrefix(text, notApplicable); not {
				note := slices.Index(notes, why)
				if note < 0 {
					notes, note = append(notes, why), len(notes)
				}
				text = fmt.Sprintf("n/a [%d]", note+1)
			}
			if !r.Good() {
				text = "FAIL"
				bad++
			}
			line = append(line, text)
		}
		fmt.Fprintln(t, strings.Join(line, "\t"))
	}
	if err := t.Flush(); err != nil {
		return bad, err
	}
	fmt.Fprintln(w)
	for i, note := range notes {
		fmt.Fprintf(w, "[%d] %s\n", i+1, note)
	}
	for _, r := range results {
		if !r.Good() {
			fmt.Fprintf(w, "FAIL %s, %s: got %q, want %q (%s)\n", r.Module, r.Case, r.Got, r.Want, r.Source)
		}
	}
	for _, m := range missing {
		fmt.Fprintf(w, "not here: %s: %s\n", m.Module, m.Why)
	}
	fmt.Fprintf(w, "%d cells, %d not as expected, %d modules not here\n", len(results), bad, len(missing))
	return bad, nil
}

const notApplicable = "n/a: "

// outcome is the table's name for an error.
func outcome(err error) string {
	for _, k := range []struct {
		is   error
		name string
	}{
		{nil, "ok"}, {pkcs11.ErrCancelled, "cancelled"}, {pkcs11.ErrPINLocked, "pin_locked"}, {pkcs11.ErrPINIncorrect, "pin_incorrect"},
		{pkcs11.ErrPINLength, "pin_length"}, {pkcs11.ErrPINNotSet, "pin_not_set"}, {pkcs11.ErrCardRemoved, "card_removed"},
		{pkcs11.ErrCardChanged, "card_changed"}, {pkcs11.ErrKeyWithoutPIN, "key_without_pin"}, {pkcs11.ErrUnsupported, "unsupported"},
		{pkcs11.ErrNoKey, "no_key"}, {pkcs11.ErrNoModule, "no_module"}, {pkcs11.ErrNotPKCS11, "not_pkcs11"},
		{pkcs11.ErrMissingDependency, "missing_dependency"}, {pkcs11.ErrWrongArchitecture, "wrong_architecture"}, {pkcs11.ErrUntrusted, "untrusted_owner"}, {pkcs11.ErrNotLoadable, "not_loadable"}, {pkcs11.ErrStaleCache, "stale_cache"}, {pkcs11.ErrModuleHangs, "hanging"}, {pkcs11.ErrModuleFailed, "module_failed"},
	} {
		if errors.Is(err, k.is) {
			return k.name
		}
	}
	return "error: " + err.Error()
}
