// Command table plays a portal of three instances and prints what was counted. It exits 0 only
// if nothing happened that must never be.
//
//	table [-bin build/bin] [-people 200] [-time 1m]
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/portalcluster"
)

func main() {
	bin := flag.String("bin", "build/bin", "where the programs are")
	people := flag.Int("people", 200, "how many log in")
	length := flag.Duration("time", time.Minute, "for how long")
	flag.Parse()
	if err := run(*bin, *people, *length); err != nil {
		fmt.Fprintln(os.Stderr, "portal-cluster:", err)
		os.Exit(1)
	}
}

func run(bin string, people int, length time.Duration) error {
	dir, err := os.MkdirTemp("", "cpx-cluster")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	program, err := filepath.Abs(filepath.Join(bin, "cpx-portal"))
	if err != nil {
		return err
	}
	report, err := portalcluster.Run(context.Background(), portalcluster.Options{Dir: dir, Program: program, People: people, Time: length, Log: os.Stderr})
	if err != nil {
		return err
	}
	if err := report.Table(os.Stdout); err != nil {
		return err
	}
	if faults := report.Faults(); len(faults) > 0 {
		return fmt.Errorf("%s", strings.Join(faults, "; "))
	}
	return nil
}
