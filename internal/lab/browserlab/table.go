package browserlab

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/pelletier/go-toml/v2"
)

// release is the first release of Firefox that asks.
const release = 154

//go:embed expected.toml
var expectedText []byte

// Cell is the expected outcome of a login.
type Cell struct {
	Is     string   `toml:"is"`     // "logged in", the library's reason, or "n/a: " and why
	Says   string   `toml:"says"`   // what the person reads in the end
	Help   string   `toml:"help"`   // and what to do next
	Causes []string `toml:"causes"` // the list below it
	Link   string   `toml:"link"`   // the text and the address of the link to a remedy
	Asks   string   `toml:"asks"`   // what the page says while the browser asks; "" where it does not ask
	Early  bool     `toml:"early"`  // the end may be shown while the browser still asks
	Twice  bool     `toml:"twice"`  // the browser asks anew at the second click
	Source string   `toml:"source"`
}

const notApplicable = "n/a: "

func (c Cell) notApplicable() bool { return strings.HasPrefix(c.Is, notApplicable) }

// expectation is a case's cell, and those of browsers that differ.
type expectation struct {
	Cell
	Except map[string]Cell
}

func (e expectation) of(browser string) Cell {
	if c, ok := e.Except[browser]; ok {
		return c
	}
	return e.Cell
}

func expected() (map[string]expectation, error) {
	// TOML tables do not fill embedded fields, so those are read separately.
	all, cells := map[string]expectation{}, map[string]Cell{}
	var excepted map[string]struct {
		Except map[string]Cell `toml:"except"`
	}
	if err := errors.Join(toml.Unmarshal(expectedText, &cells), toml.Unmarshal(expectedText, &excepted)); err != nil {
		return nil, fmt.Errorf("expected.toml: %w", err)
	}
	for name, cell := range cells {
		all[name] = expectation{cell, excepted[name].Except}
	}
	return all, nil
}

// Row is one cell's result.
type Row struct {
	Case, Browser        string
	Is, Says, Help, Asks string
	Link                 string
	Causes               []string
	Twice                bool
	Question             string        // the text of the browser's question
	Asked, Took          time.Duration // from the click to the question; from the person's last action to the end
	Note                 string
	History              []string // the page's states meanwhile
	Want                 Cell
	Overdue              string // what the page may say instead of Want.Asks
	Err                  error
}

// Good reports whether all that the person read is as expected.
func (r Row) Good() bool {
	if r.Want.Source == "" || r.Err != nil {
		return false
	}
	if r.Want.notApplicable() {
		return true
	}
	reads := r.Says == r.Want.Says && r.Help == r.Want.Help && slices.Equal(r.Causes, r.Want.Causes) && r.Link == r.Want.Link
	asks := r.Asks == r.Want.Asks || r.Want.Asks != "" && r.Asks == r.Overdue
	asks = asks || r.Want.Early && r.Asks == r.Want.Says
	return reads && asks && r.Twice == r.Want.Twice && r.Is == r.Want.Is
}

func (r Row) line() []string {
	is, says, took, asked := r.Is, r.Says, seconds(r.Took), seconds(r.Asked)
	switch {
	case r.Want.notApplicable():
		is, says, took = "n/a", strings.TrimPrefix(r.Want.Is, notApplicable), ""
	case r.Err != nil:
		is, says = "FAIL", strings.SplitN(r.Err.Error(), "\n", 2)[0]
	case !r.Good():
		is = "FAIL " + is
	}
	return []string{r.Case, r.Browser, is, asked, took, says}
}

func seconds(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", d.Seconds())
}

// Table prints the rows, then the browsers' questions and what was not as expected.
// It returns how many cells that were.
func Table(w io.Writer, rows []Row) (bad int, err error) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "case\tbrowser\toutcome\tasked after\tthen\twhat the person reads")
	for _, r := range rows {
		fmt.Fprintln(t, strings.Join(r.line(), "\t"))
	}
	if err := t.Flush(); err != nil {
		return 0, err
	}
	fmt.Fprintf(w, "\nFirefox asks as release %d does: network.lna.websocket.enabled, and the release in its user agent, are set.\n", release)
	fmt.Fprintln(w, "Times in seconds: from the click to the browser's question; from the person's last act to the end.")
	var said []string
	for _, r := range rows {
		for _, note := range []string{r.Note, r.asks()} {
			if note != "" && !slices.Contains(said, note) {
				said = append(said, note)
				fmt.Fprintln(w, note)
			}
		}
	}
	for _, r := range rows {
		if !r.Good() {
			bad++
			fmt.Fprintf(w, "FAIL %s, %s: %s\n", r.Case, r.Browser, r.why())
			for _, h := range r.History {
				fmt.Fprintln(w, "  "+h)
			}
		}
	}
	fmt.Fprintf(w, "%d cells, %d not as expected\n", len(rows), bad)
	return bad, nil
}

func (r Row) asks() string {
	if r.Question == "" {
		return ""
	}
	return r.Browser + " asks: " + r.Question
}

func (r Row) why() string {
	if r.Err != nil {
		return r.Err.Error()
	}
	if r.Want.Source == "" {
		return "expected.toml does not say what it must come to"
	}
	return fmt.Sprintf("\n  got  %+v\n  want %+v (%s)", Cell{Is: r.Is, Says: r.Says, Help: r.Help, Causes: r.Causes, Link: r.Link, Asks: r.Asks, Twice: r.Twice}, r.Want, r.Want.Source)
}
