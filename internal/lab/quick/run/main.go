// Command run is `make quick`, from the repository's root.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/quick"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "make quick:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	begun := time.Now()
	plan, err := quick.NewPlan(ctx, ".")
	if err != nil {
		return err
	}
	fmt.Printf("-- %d packages: under a minute where they have been compiled before, else some minutes\n", len(plan.Play))
	outcome, err := plan.Run(ctx, ".", os.Stdout)
	if outcome == nil {
		return err
	}
	plan.Print(os.Stdout, outcome)
	fmt.Printf("\n%d tests passed in %.0f s.\n", outcome.Passed, time.Since(begun).Seconds())
	return err
}
