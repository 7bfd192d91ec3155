package bench

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

var heads = []string{"what", "ours", "floor or peer", "ratio", "target", "met"}

// cells are a row as people read it.
func (m Measured) cells() []string {
	if m.Met == NotHad || m.Met == Failed {
		return []string{m.What, "", m.BesideWhat, "", m.Target, string(m.Met)}
	}
	beside := "–"
	if m.Beside != nil {
		beside = quantity(m.Beside.Median, m.BesideUnit) + ", " + m.BesideWhat
	}
	figure := m.Text
	if figure == quantity(m.Ours.Median, m.Unit) {
		figure = "–"
	}
	return []string{m.What, quantity(m.Ours.Median, m.Unit), beside, figure, m.Target, string(m.Met)}
}

// Print prints the table for a terminal, and under it what is not met, and why.
func (r Results) Print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(heads, "\t"))
	for _, m := range r.Rows {
		fmt.Fprintln(w, strings.Join(m.cells(), "\t"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	count := map[Met]int{}
	for _, m := range r.Rows {
		count[m.Met]++
		if m.Why != "" {
			fmt.Fprintf(out, "%s, %s: %s\n", m.Name, m.Met, m.Why)
		}
		if m.Met == No {
			fmt.Fprintf(out, "%s is not met: %s\n", m.Name, orUnexplained(m.Shortfall))
		}
	}
	for _, name := range r.Missing {
		fmt.Fprintf(out, "the curve %s was not measured\n", name)
	}
	_, err := fmt.Fprintf(out, "%d targets met, %d not, %d rows without one, %d not had, %d not measured; %s\n",
		count[Yes], count[No], count[Untargeted], count[NotHad], count[Failed], r.Machine.Took)
	return err
}

func orUnexplained(why string) string {
	if why == "" {
		return "its row does not say why"
	}
	return why
}

// Faults are what ends `make bench` with status 1: what was not measured, and targets that
// are missed without a row's word for it.
func (r Results) Faults() (faults []string) {
	for _, m := range r.Rows {
		switch {
		case m.Met == Failed:
			faults = append(faults, m.Name+" was not measured: "+m.Why)
		case m.Met == No && m.Shortfall == "":
			faults = append(faults, fmt.Sprintf("%s is %s, wanted %s", m.Name, m.Text, m.Target))
		}
	}
	for _, name := range r.Missing {
		faults = append(faults, "the curve "+name+" was not measured")
	}
	return faults
}

// Markdown is what docs/performance.md has between its marks.
func (r Results) Markdown() string {
	var b strings.Builder
	m := r.Machine
	fmt.Fprintf(&b, "Taken on %s of commit %s: %s, %d cores, %s, %s, Linux %s, %s. The machine's load before it was %s, and it took %s.\n\n",
		m.Date, m.Commit, m.Processor, m.Cores, m.Memory, m.System, m.Kernel, m.Go, m.Load, m.Took)
	fmt.Fprintf(&b, "| %s |\n|%s\n", strings.Join(heads, " | "), strings.Repeat("---|", len(heads)))
	for _, row := range r.Rows {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row.cells(), " | "))
	}
	var notes []string
	for _, row := range r.Rows {
		switch {
		case row.Met == No:
			notes = append(notes, fmt.Sprintf("- Not met, %s: %s", row.What, orUnexplained(row.Shortfall)))
		case row.Why != "":
			notes = append(notes, fmt.Sprintf("- %s, %s: %s", strings.ToUpper(string(row.Met[:1]))+string(row.Met[1:]), row.What, row.Why))
		}
	}
	if len(notes) > 0 {
		b.WriteString("\n" + strings.Join(notes, "\n") + "\n")
	}
	for _, c := range r.Curves {
		fmt.Fprintf(&b, "\n![%s](../bench/%s.svg)\n", c.Title, c.Name)
	}
	return b.String()
}
