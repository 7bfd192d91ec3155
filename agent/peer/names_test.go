package peer

import (
	"errors"
	"testing"
	"time"
)

// TestRecentNames: many refused connections list all processes once a second, and a list
// that fails is asked for anew.
func TestRecentNames(t *testing.T) {
	now := time.Date(2026, 1, 1, 8, 0, 0, 0, time.UTC)
	lists := 0
	list := func() (map[uint32]listed, error) {
		lists++
		if lists == 1 {
			return nil, errors.New("no list")
		}
		return map[uint32]listed{4: {image: "System"}}, nil
	}
	n := recentNames{now: func() time.Time { return now }}
	if got := n.of(4, list); got != "" {
		t.Errorf("%q without a list", got)
	}
	for range 1000 {
		if got := n.of(4, list); got != "System" {
			t.Fatalf("%q", got)
		}
	}
	if lists != 2 {
		t.Errorf("%d lists for 1,000 connections of one moment", lists)
	}
	for _, step := range []time.Duration{namesLimit, -time.Hour} { // also where the clock is set back
		before := lists
		now = now.Add(step)
		n.of(5, list)
		if lists != before+1 {
			t.Errorf("%v later: %d lists more", step, lists-before)
		}
	}
}
