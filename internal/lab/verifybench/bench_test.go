// Package verifybench measures how many tokens a second one core verifies, beside the bare
// floor: the same token's JSON, base64 and certificate read, the same chain's and the same
// token's signatures verified with the standard library, and nothing else checked.
//
// The rates are medians over rounds in which the sides alternate, in processor time of this
// process on one core, so that their ratios hold on a machine that does other work.
// Revocation is asked of lists that were fetched before, one of 200,000 entries.
package verifybench

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"
)

// side is one that verifies: the floor, a verifier that verifies issuers each time, and one
// that remembers those it has verified, which is the default.
type side struct {
	name   string
	verify func(i int) error
	times  []time.Duration
}

// tokens are how many each side verifies in a round.
const tokens = 12

// measure has the sides verify one token after the other, each after each of the others, so
// that what else the machine does is the same for all of them. What the collector of garbage
// costs is not counted, for the floor either.
func measure(ctx context.Context, kind kind, rounds int) ([]side, error) {
	s, err := newSite(ctx, kind)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", kind.name, err)
	}
	defer s.close()
	sides := []side{{name: "floor", verify: s.floor}, {name: "verifier", verify: s.plain}, {name: "remembering", verify: s.cached}}
	for round := -1; round < rounds; round++ { // the first is not counted: then all is warm
		runtime.GC()
		spent := make([]time.Duration, len(sides))
		for i := range tokens * len(sides) {
			at := (i + i/len(sides)) % len(sides)
			begun := cpuTime()
			if err := sides[at].verify(i); err != nil {
				return nil, fmt.Errorf("%s: %s: %w", kind.name, sides[at].name, err)
			}
			spent[at] += cpuTime() - begun
		}
		for at := range sides {
			if round >= 0 {
				sides[at].times = append(sides[at].times, spent[at])
			}
		}
	}
	return sides, nil
}

func (s side) rate() float64 {
	slices.Sort(s.times)
	return tokens / s.times[len(s.times)/2].Seconds()
}

// BenchmarkVerify measures each kind of key.
func BenchmarkVerify(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for _, kind := range kinds {
		b.Run("key="+kind.name, func(b *testing.B) {
			sides, err := measure(b.Context(), kind, 75)
			if err != nil {
				b.Fatal(err)
			}
			for _, s := range sides {
				b.ReportMetric(s.rate(), s.name+"-tokens/s")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// TestSides: each side accepts each kind's tokens, without which a benchmark measures nothing.
// Nothing is timed here.
func TestSides(t *testing.T) {
	for _, kind := range kinds {
		sides, err := measure(t.Context(), kind, 1)
		if err != nil || len(sides) != 3 || len(sides[0].times) != 1 {
			t.Fatal(sides, err)
		}
	}
}
