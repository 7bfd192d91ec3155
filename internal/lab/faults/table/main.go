// Command table plays the faults and prints their table. It exits 0 only if every
// round ended in the right error and the login after it worked.
//
//	table [-rounds 20] [-bin build/bin] [FAULT]
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/faults"
)

func main() {
	rounds := flag.Int("rounds", 20, "rounds of each fault")
	bin := flag.String("bin", "build/bin", "where the programs are")
	flag.Parse()
	if err := run(*rounds, *bin, strings.Join(flag.Args(), " ")); err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		os.Exit(1)
	}
}

func run(rounds int, bin, only string) error {
	dir, err := os.MkdirTemp("", "cpx-faults")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var rows []faults.Row
	bad := 0
	err = faults.Run(context.Background(), dir, bin, only, rounds, func(r faults.Row) {
		rows = append(rows, r)
		mark := "."
		if !r.Good() {
			bad++
			mark = "F"
		}
		fmt.Fprint(os.Stderr, mark)
		for _, note := range r.Notes {
			fmt.Fprintf(os.Stderr, "\n%s: %s\n", r.Fault, note)
		}
	})
	fmt.Fprintln(os.Stderr)
	if tableErr := faults.Table(os.Stdout, rows); tableErr != nil || err != nil {
		return fmt.Errorf("%w", firstOf(err, tableErr))
	}
	if len(rows) == 0 {
		return fmt.Errorf("no fault has %q in its name", only)
	}
	if bad > 0 {
		return fmt.Errorf("%d faults of %d did not end as they should", bad, len(rows))
	}
	return nil
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
