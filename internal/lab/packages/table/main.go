// Command table installs, uses, upgrades and removes the packages of a release in systems
// of its own, and prints one table. It exits 0 only if every cell was tried and passed;
// ALLOW_MISSING names cases that need not be tried.
//
//	table -dist FOLDER -older FOLDER [SYSTEM ...]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/cells"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/packages"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dist := flag.String("dist", "dist", "the folder of the release")
	older := flag.String("older", "build/older", "the folder of packages of version "+packages.OlderVersion)
	flag.Parse()
	if err := run(ctx, *dist, *older, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "test-packages:", strings.ReplaceAll(err.Error(), "\n", "\ntest-packages: "))
		os.Exit(1)
	}
}

func run(ctx context.Context, dist, older string, only []string) error {
	systems, err := chosen(only)
	if err != nil {
		return err
	}
	files, err := folders(dist, older)
	if err != nil {
		return err
	}
	var results []cells.Result
	for _, s := range systems {
		packages.Run(ctx, s, files, func(r cells.Result) {
			results = append(results, r)
			fmt.Fprintln(os.Stderr, r)
		})
	}
	return cells.Table(os.Stdout, packages.Names(systems), results, cells.Allowed())
}

// chosen are the systems whose names begin as one of only, or all.
func chosen(only []string) ([]packages.System, error) {
	all := packages.Systems()
	if len(only) == 0 {
		return all, nil
	}
	systems := slices.DeleteFunc(slices.Clone(all), func(s packages.System) bool {
		return !slices.ContainsFunc(only, func(name string) bool { return strings.HasPrefix(s.Name, name) })
	})
	if len(systems) == 0 {
		return nil, fmt.Errorf("no system's name begins with %s: there are %s", strings.Join(only, " or "), strings.Join(packages.Names(all), ", "))
	}
	return systems, nil
}

// folders are the two, as absolute paths, once both are known to be there.
func folders(dist, older string) (packages.Files, error) {
	var files packages.Files
	for _, f := range []struct {
		path string
		in   *string
	}{{dist, &files.Dist}, {older, &files.Older}} {
		path, err := filepath.Abs(f.path)
		if err != nil {
			return files, err
		}
		if info, err := os.Stat(path); err != nil || !info.IsDir() {
			return files, errors.Join(fmt.Errorf("%s is no folder of packages: make test-packages makes it", path), err)
		}
		*f.in = path
	}
	return files, nil
}
