// Command run is `make bench`: it measures the product beside its floor and its peers,
// prints one table, and writes bench/results.json, the plots beside it, and the table of
// docs/performance.md. With -rows it measures those alone, and writes nothing; with -publish it
// measures nothing, and writes the plots and the table from the results that are there.
//
// It exits 1 where something could not be measured, or a target is missed and the row does
// not say why.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/bench"
)

func main() {
	rows := flag.String("rows", "", "names of the rows and curves to measure alone")
	runs := flag.Int("runs", 3, "runs of each benchmark that says nothing else")
	publish := flag.Bool("publish", false, "write plots and table from the results that are there")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if *publish {
		if err := rewrite(); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	faults, err := run(ctx, strings.Fields(*rows), *runs)
	if err != nil {
		faults = append(faults, err.Error())
	}
	for _, fault := range faults {
		fmt.Fprintln(os.Stderr, "bench:", fault)
	}
	if len(faults) > 0 {
		os.Exit(1)
	}
}

func run(ctx context.Context, names []string, runs int) ([]string, error) {
	rows, curves, err := bench.Named(names)
	if err != nil {
		return nil, err
	}
	results, err := bench.Runner{Root: ".", Runs: runs, Log: os.Stderr}.Run(ctx, rows, curves)
	if err != nil {
		return nil, err
	}
	if err := results.Print(os.Stdout); err != nil {
		return nil, err
	}
	if len(names) == 0 {
		if err := results.Publish("."); err != nil {
			return nil, err
		}
	}
	return results.Faults(), nil
}

func rewrite() error {
	results, err := bench.ReadResults(bench.File)
	if err != nil {
		return err
	}
	return results.Publish(".")
}
