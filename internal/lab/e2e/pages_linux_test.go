package e2e

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
)

// crowd is how many sockets an agent has at most.
const crowd = 256

// BenchmarkPages measures what open pages cost an agent: its memory for each of them, and
// a login at one of them beside one without the others, in rounds of one after the other.
// The pages are of as many sites, have asked for the status, as a page's library does, and
// wait. The PIN dialog is answered at once.
func BenchmarkPages(b *testing.B) {
	// Here, because a part's folder has its name, and SoftHSM's settings bear no "=".
	s := prepare(b, stack.Options{AgentOnly: true, Others: true, AutoPIN: script("1234")})
	for _, n := range []int{1, 16, 64, crowd} {
		b.Run(fmt.Sprintf("pages=%d", n), func(b *testing.B) {
			agent := startAgent(b, s, "--no-tray")
			mine := open(b, s)
			for range 3 {
				timedLogin(b, mine)
			}
			// Once: a later crowd finds the memory of the one before.
			before := proportional(b, agent.PID())
			closeAll := gather(b, s, n-1)
			all := proportional(b, agent.PID())
			closeAll()
			b.ReportMetric(float64(all)/1000, "all-MB")
			b.ReportMetric(float64(all-before)/float64(max(n-1, 1)), "agent-kB")
			var alone, among []time.Duration
			for range 6 {
				alone = append(alone, timedLogin(b, mine), timedLogin(b, mine), timedLogin(b, mine))
				closeAll := gather(b, s, n-1)
				among = append(among, timedLogin(b, mine), timedLogin(b, mine), timedLogin(b, mine))
				closeAll()
			}
			b.ReportMetric(middle(among), "agent-ms")
			b.ReportMetric(middle(alone), "alone-ms")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// gather opens the pages of so many sites, none of which is the portal. The function
// closes them all, and returns once the agent has none of them.
func gather(tb testing.TB, s *stack.Stack, n int) (closeAll func()) {
	tb.Helper()
	var pages []*page
	for i := range n {
		p := openAs(tb, s, "https://site"+strconv.Itoa(i)+".test")
		if a := p.call("status", nil); a.Error != nil {
			tb.Fatalf("%+v", a.Error)
		}
		pages = append(pages, p)
	}
	return func() {
		for _, p := range pages {
			if err := p.socket.Close(); err != nil {
				tb.Fatal(err)
			}
		}
		awaitSockets(tb, s, 1)
	}
}

// timedLogin logs in at a page, and says how long that took.
func timedLogin(tb testing.TB, p *page) time.Duration {
	tb.Helper()
	challenge, begun := nonce(tb), time.Now()
	if a := p.call("authenticate", map[string]any{"challengeNonce": challenge, "lang": "fr"}); a.Error != nil {
		tb.Fatalf("%+v", a.Error)
	}
	return time.Since(begun)
}

// proportional is a process's memory in kB, of what is shared its share.
func proportional(tb testing.TB, pid int) int {
	tb.Helper()
	table, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		tb.Fatal(err)
	}
	for line := range bytes.Lines(table) {
		if fields := bytes.Fields(line); string(fields[0]) == "Pss:" {
			kB, err := strconv.Atoi(string(fields[1]))
			if err != nil {
				tb.Fatal(err)
			}
			return kB
		}
	}
	tb.Fatalf("no Pss in\n%s", table)
	return 0
}

// middle is the median, in milliseconds.
func middle(list []time.Duration) float64 {
	slices.Sort(list)
	return float64(list[len(list)/2].Microseconds()) / 1000
}
