// Command run runs the module's fuzz targets, two at a time with one worker each, and
// prints a line for each. It exits 0 only if none found anything.
//
//	run [-time 60s] [-list] [-retain] [TARGET ...]
//
// TARGET is a part of a target's package or name. With -list it prints which would
// run. With -retain it runs none: it adds to the seeds in the repository what
// earlier runs found.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/fuzzing"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/house"
)

// atOnce is how many targets run at the same time.
const atOnce = 2

func main() {
	lasts := flag.Duration("time", time.Minute, "how long each target runs")
	list := flag.Bool("list", false, "print the targets and run none")
	retain := flag.Bool("retain", false, "add to the seeds what earlier runs found")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *lasts, *list, *retain, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "fuzz:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, lasts time.Duration, list, retain bool, parts []string) error {
	root, err := house.Root(".")
	if err != nil {
		return err
	}
	all, err := fuzzing.Targets(root)
	if err != nil {
		return err
	}
	var targets []fuzzing.Target
	for _, t := range all {
		if wanted(t, parts) {
			targets = append(targets, t)
		}
	}
	switch {
	case len(targets) == 0:
		return fmt.Errorf("no target has %q in its name", parts)
	case list:
		for _, t := range targets {
			fmt.Println(t)
		}
		return nil
	case retain:
		return addToSeeds(ctx, root, targets)
	}
	return fuzz(ctx, root, targets, lasts)
}

func wanted(t fuzzing.Target, parts []string) bool {
	for _, part := range parts {
		if strings.Contains(t.String(), part) {
			return true
		}
	}
	return len(parts) == 0
}

func fuzz(ctx context.Context, root string, targets []fuzzing.Target, lasts time.Duration) error {
	queue := make(chan fuzzing.Target)
	results := make(chan fuzzing.Result)
	var workers sync.WaitGroup
	for range atOnce {
		workers.Go(func() {
			for t := range queue {
				results <- fuzzing.Run(ctx, root, t, lasts)
			}
		})
	}
	go func() {
		defer close(results)
		for _, t := range targets {
			if ctx.Err() != nil {
				break
			}
			queue <- t
		}
		close(queue)
		workers.Wait()
	}()
	held := 0
	for r := range results {
		fmt.Println(r.Line())
		if r.Holds() {
			held++
		} else if ctx.Err() == nil {
			fmt.Fprintf(os.Stderr, "\n%s\n\n%s\n\n", r.Output, r.Advice())
		}
	}
	if held < len(targets) {
		return fmt.Errorf("%d of %d targets hold", held, len(targets))
	}
	fmt.Printf("%d targets hold, %s each\n", held, lasts)
	return nil
}

func addToSeeds(ctx context.Context, root string, targets []fuzzing.Target) error {
	for _, t := range targets {
		added, err := fuzzing.Retain(ctx, root, t)
		if err != nil {
			return fmt.Errorf("%s: %w", t, err)
		}
		fmt.Printf("%-50s %d inputs added\n", t, added)
	}
	return nil
}
