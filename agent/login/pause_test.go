package login

import (
	"strings"
	"testing"
	"time"
)

// TestResume: the person ends the pause, and three more begin it anew.
func TestResume(t *testing.T) {
	w := newWorn(t, Limits{})
	if w.ResumeUnknownSites() {
		t.Error("there was a pause")
	}
	changes := w.Changes.Listen(t.Context())
	for round := range 2 {
		for i := range 3 {
			w.refuses(unknown(3*round + i))
		}
		w.paused("https://new.example.org", 299, 300)
		<-changes
		if rest := w.UnknownSitesPaused().Sub(w.Now()); rest < 4*time.Minute || rest > 5*time.Minute {
			t.Errorf("it lasts %v", rest)
		}
		if !w.ResumeUnknownSites() || !w.UnknownSitesPaused().IsZero() {
			t.Error("the pause goes on")
		}
		<-changes
	}
	if n := strings.Count(w.log.String(), "ended by the person"); n != 2 {
		t.Errorf("%d times:\n%s", n, w.log)
	}
}

// TestPauseEndsByItself: those who show the pause hear of its end, though nobody asks.
func TestPauseEndsByItself(t *testing.T) {
	w := newWorn(t, Limits{UnknownPause: 10 * time.Millisecond})
	changes := w.Changes.Listen(t.Context())
	for i := range 3 {
		w.refuses(unknown(i))
	}
	w.after(time.Second)
	for !strings.Contains(w.log.String(), "is over") {
		<-changes
	}
}

// TestManyDomains: a flood of domains neither grows the rows beyond their limit nor
// frees one that pauses, though it is the oldest.
func TestManyDomains(t *testing.T) {
	rows, limits := newWear(), Limits{}.withDefaults()
	now := time.Now()
	hostile := newAsker("https://a.hostile.example", false)
	portal := newAsker(listedOrigin, true)
	for range 2 * mostWorn {
		rows.count(now, hostile, limits)
	}
	for range mostWornAllowed {
		rows.count(now, portal, limits)
	}
	for i := range 3 * maxOrigins {
		now = now.Add(time.Millisecond)
		rows.count(now, newAsker(unknown(i), false), limits)
	}
	if len(rows.rows) != maxOrigins {
		t.Errorf("%d rows", len(rows.rows))
	}
	rows.unknown = pause{}
	for _, a := range []asker{hostile, portal} {
		if rest, _ := rows.pauseOf(now, a, limits); rest < 20*time.Second {
			t.Errorf("%s: %v", a.origin, rest)
		}
	}
	if r := rows.rows[rowKey{"hostile.example", false}]; r == nil || r.pauses != 2 {
		t.Errorf("%+v", r)
	}
}

// TestClocks: a pause ends in time, whichever clock stands still or is set.
func TestClocks(t *testing.T) {
	began := time.Now() // with a monotonic reading
	wall := func(d time.Duration) time.Time { return began.Round(0).Add(d) }
	p := pause{since: began, length: 5 * time.Minute}
	for name, c := range map[string]struct {
		now  time.Time
		rest time.Duration
	}{
		"at once":           {began, 5 * time.Minute},
		"both clocks":       {began.Add(4 * time.Minute), time.Minute},
		"over":              {began.Add(5 * time.Minute), 0},
		"it slept":          {wall(6 * time.Minute), 0}, // the monotonic clock stood still
		"wall clock back":   {wall(-24 * time.Hour), 5 * time.Minute},
		"long after":        {began.Add(1000 * time.Hour), 0},
		"the zero value":    {time.Time{}, 5 * time.Minute},
		"wall clock onward": {wall(24 * time.Hour), 0},
	} {
		if rest := p.rest(c.now); rest != c.rest {
			t.Errorf("%s: %v, not %v", name, rest, c.rest)
		}
	}
	if rest := (pause{}).rest(began); rest != 0 {
		t.Errorf("no pause lasts %v", rest)
	}
}
