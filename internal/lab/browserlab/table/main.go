// Command table plays every case in each browser, prints the table and saves
// pictures. It exits 0 only if every cell is as expected.
//
//	table [-bin build/bin] [-browser Firefox] [CASE]
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/browserlab"
)

func main() {
	bin := flag.String("bin", "build/bin", "where the programs are")
	one := flag.String("browser", "", "only Chromium, or only Firefox")
	quick := flag.Bool("quick", false, "only the cells of make test")
	rest := flag.Bool("rest", false, "only the cells that make test leaves out")
	flag.Parse()
	if err := run(browserlab.Options{Bin: *bin, Pictures: "build/browsers", Browser: *one, Quick: *quick, Rest: *rest, Only: strings.Join(flag.Args(), " ")}); err != nil {
		fmt.Fprintln(os.Stderr, "browsers:", err)
		os.Exit(1)
	}
}

func run(o browserlab.Options) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := os.MkdirTemp("", "cpxb")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	o.Dir = dir
	o.Done = func(r browserlab.Row) {
		mark := "."
		if !r.Good() {
			mark = "F"
		}
		fmt.Fprint(os.Stderr, mark)
	}
	rows, err := browserlab.Run(ctx, o)
	fmt.Fprintln(os.Stderr)
	bad, tableErr := browserlab.Table(os.Stdout, rows)
	switch {
	case err != nil:
		return err
	case tableErr != nil:
		return tableErr
	case len(rows) == 0:
		return fmt.Errorf("no cell of %q", o.Browser+" "+o.Only)
	case bad > 0:
		return fmt.Errorf("%d cells are not as expected", bad)
	}
	return nil
}
