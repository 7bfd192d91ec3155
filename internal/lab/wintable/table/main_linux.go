// Command table runs the tests of every package with files for Windows, and the logins,
// in wine 10, and prints one table. It exits 0 only if every cell was tried and passed;
// ALLOW_MISSING names cases that need not be tried.
//
//	table [PART-OF-A-PACKAGE ...]
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/cells"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/wintable"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) > 2 && os.Args[1] == wintable.InWine {
		status, err := wintable.Exec(ctx, os.Args[2], os.Args[3:])
		if err != nil {
			fmt.Fprintln(os.Stderr, "wine 10:", err)
			status = max(status, 1)
		}
		os.Exit(status)
	}
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "test-windows:", strings.ReplaceAll(err.Error(), "\n", "\ntest-windows: "))
		os.Exit(1)
	}
}

func run(ctx context.Context, only []string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	var results []cells.Result
	report := func(r cells.Result) {
		results = append(results, r)
		fmt.Fprintln(os.Stderr, r)
	}
	units := slices.DeleteFunc(slices.Clone(wintable.Units), func(u wintable.Unit) bool { return !chosen(u.Package, only) })
	if len(units) > 0 {
		err = wintable.RunUnits(ctx, self, units, report)
		if err != nil && len(results) == 0 || ctx.Err() != nil { // there is no wine, or nobody waits
			return err
		}
	}
	played := slices.DeleteFunc(slices.Clone(wintable.AllPlayed), func(p wintable.Played) bool { return !chosen(p.Package, only) })
	err = errors.Join(err, wintable.RunPlayed(ctx, played, report))
	// After an error, too: what was tried until then is known.
	err = errors.Join(err, cells.Table(os.Stdout, wintable.Architectures, results, cells.Allowed()))
	wintable.Omitted(os.Stdout, units)
	return err
}

func chosen(name string, only []string) bool {
	return len(only) == 0 || slices.ContainsFunc(only, func(part string) bool { return strings.Contains(name, part) })
}
