package floor

import (
	"testing"
	"time"
)

// Most allocations of a login, from the page's frame to the token, those of the page that
// asks among them: the agent's process alone, not its module's. Half as many again as it
// takes, because what runs beside it counts too.
const (
	mostWithPIN       = 1500
	mostInCardSession = 1200
)

// TestLoginAllocations: what a login allocates does not grow unnoticed.
func TestLoginAllocations(t *testing.T) {
	for _, c := range []struct {
		name    string
		session time.Duration
		most    float64
	}{{"PIN", 0, mostWithPIN}, {"card session", time.Hour, mostInCardSession}} {
		w := newWorld(t, "cps", c.session)
		w.login()
		if n := testing.AllocsPerRun(20, w.login); n > c.most {
			t.Errorf("%s: %.0f allocations, at most %.0f", c.name, n, c.most)
		} else {
			t.Logf("%s: %.0f allocations", c.name, n)
		}
	}
}
