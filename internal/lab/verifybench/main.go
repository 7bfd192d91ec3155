// Command verifybench measures how many tokens a second one core verifies, beside the
// bare floor: the same token's JSON, base64 and certificate read, the same chain's and
// the same token's signatures verified with the standard library, and nothing else
// checked. It prints a table, and exits 1 where a target is missed.
//
// The ratios are of medians over rounds in which the sides take turns, in processor time
// of this process on one core, so that they hold on a machine that does other work.
// Revocation is asked of lists that were fetched before, one of 200,000 entries.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"
)

// The targets: what a verifier does as a part of what the floor does, without what it
// remembers of issuers and with it.
const (
	wantPlain  = 0.95
	wantCached = 1.3
)

var errBelow = errors.New("a target is missed")

func main() {
	rounds := flag.Int("rounds", 151, "rounds of each key")
	flag.Parse()
	runtime.GOMAXPROCS(1)
	if err := run(context.Background(), os.Stdout, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "verifybench:", err)
		os.Exit(1)
	}
}

// row is one kind of key: the medians, in tokens a second.
type row struct {
	kind                 string
	floor, plain, cached float64
}

func (r row) below() bool { return r.plain/r.floor < wantPlain || r.cached/r.floor < wantCached }

func run(ctx context.Context, out io.Writer, rounds int) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "key\tfloor\tverifier\tof the floor\tissuers remembered\tof the floor\t")
	below := false
	for _, kind := range kinds {
		r, err := measure(ctx, kind, rounds)
		if err != nil {
			return err
		}
		mark := ""
		if r.below() {
			below, mark = true, "MISSED"
		}
		fmt.Fprintf(w, "%s\t%.0f\t%.0f\t%.3f\t%.0f\t%.3f\t%s\n", r.kind, r.floor, r.plain, r.plain/r.floor, r.cached, r.cached/r.floor, mark)
	}
	fmt.Fprintf(w, "wanted\t\t\t%.2f\t\t%.2f\t\n", wantPlain, wantCached)
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(out, "tokens a second on one core; medians of", rounds, "rounds")
	if below {
		return errBelow
	}
	return nil
}

// tokens are how many each side verifies in a round.
const tokens = 12

// measure has the sides verify one token after the other in turns, so that what else the
// machine does is the same for all of them. What the collector of garbage costs is left
// out, for the floor too.
func measure(ctx context.Context, kind kind, rounds int) (row, error) {
	s, err := newSite(ctx, kind)
	if err != nil {
		return row{}, fmt.Errorf("%s: %w", kind.name, err)
	}
	defer s.close()
	sides := []func(i int) error{s.floor, s.plain, s.cached}
	times := make([][]time.Duration, len(sides))
	for round := -1; round < rounds; round++ { // the first is not counted: then all is warm
		runtime.GC()
		var spent [3]time.Duration
		for i := range tokens * len(sides) {
			side := (i + i/len(sides)) % len(sides) // each after each of the others
			begun := cpuTime()
			if err := sides[side](i); err != nil {
				return row{}, fmt.Errorf("%s: %w", kind.name, err)
			}
			spent[side] += cpuTime() - begun
		}
		for side := range sides {
			if round >= 0 {
				times[side] = append(times[side], spent[side])
			}
		}
	}
	rate := func(side int) float64 {
		slices.Sort(times[side])
		return tokens / times[side][rounds/2].Seconds()
	}
	return row{kind.name, rate(0), rate(1), rate(2)}, nil
}
