package login

import (
	"slices"
	"time"
)

// What a person is worn down with is counted here: dialogs that were refused, left
// without an answer or taken back, and requests taken back while they waited.
const (
	mostWorn        = 3  // in a row, then the domain pauses
	mostWornAllowed = 10 // likewise, of a site that is allowed
	mostUnknown     = 3  // within Limits.Recent, of all sites that are not allowed: then they all pause
)

// wear counts by registrable domain. What an allowed site does is counted apart from
// what others of its domain do: a portal on a host that many share is never paused for
// them, nor does its login end their row. It is for the holder of the queue's lock.
type wear struct {
	rows    map[rowKey]*row
	unknown pause       // of all sites that are not allowed
	recent  []time.Time // when one of them last counted, the newest last
}

type rowKey struct {
	domain  string
	allowed bool
}

// row is what a domain did since its last login.
type row struct {
	count  int
	last   time.Time
	pauses int // so far, each twice as long as the one before
	pause
}

func newWear() wear { return wear{rows: map[rowKey]*row{}} }

// pauseChange is what happened to the pause of the sites that are not allowed.
type pauseChange string

const (
	pauseBegan       pauseChange = "began"
	pauseEnded       pauseChange = "ended"
	pauseEndedByUser pauseChange = "ended by the person"
)

// pause is a time during which nobody is asked. The zero value is none.
type pause struct {
	since  time.Time
	length time.Duration
}

// rest is how long it still lasts. It ends by the clock that is ahead: the monotonic
// one stands still while the machine sleeps, and the wall clock may be set back.
func (p pause) rest(now time.Time) time.Duration {
	return max(0, p.length-elapsed(p.since, now))
}

// elapsed is the time since a moment, by the monotonic or the wall clock, whichever
// says more, and never less than none.
func elapsed(since, now time.Time) time.Duration {
	return max(0, now.Sub(since), now.Round(0).Sub(since.Round(0)))
}

// pauseOf is how long a pauses still. It also notices that the pause of all sites that
// are not allowed is over.
func (w *wear) pauseOf(now time.Time, a asker, l Limits) (time.Duration, pauseChange) {
	change := w.expire(now)
	var rest time.Duration
	if r := w.rows[rowKey{a.domain, a.allowed}]; r != nil {
		rest = r.rest(now)
	}
	if !a.allowed {
		rest = max(rest, w.unknown.rest(now))
	}
	return rest, change
}

func (w *wear) expire(now time.Time) pauseChange {
	if w.unknown.length == 0 || w.unknown.rest(now) > 0 {
		return ""
	}
	w.unknown, w.recent = pause{}, nil
	return pauseEnded
}

// resume ends the pause of the sites that are not allowed. A domain's own pause goes on.
func (w *wear) resume(now time.Time) pauseChange {
	if change := w.expire(now); change != "" || w.unknown.length == 0 {
		return change
	}
	w.unknown, w.recent = pause{}, nil
	return pauseEndedByUser
}

// count notes one for a's domain, and for all sites that are not allowed where a is not.
func (w *wear) count(now time.Time, a asker, l Limits) pauseChange {
	r := w.rowOf(rowKey{a.domain, a.allowed}, now)
	r.count, r.last = r.count+1, now
	if a.allowed {
		if r.count >= mostWornAllowed {
			r.count, r.pause = 0, pause{now, l.Pause}
		}
		return ""
	}
	if r.count >= mostWorn {
		r.count, r.pause = 0, pause{now, min(l.Pause<<min(r.pauses, 20), l.LongestPause)}
		r.pauses++
	}
	change := w.expire(now)
	w.recent = append(w.recent, now)
	if over := len(w.recent) - mostUnknown; over > 0 {
		w.recent = slices.Delete(w.recent, 0, over)
	}
	if len(w.recent) < mostUnknown || elapsed(w.recent[0], now) >= l.Recent {
		return change
	}
	begins := w.unknown.length == 0
	if begins {
		w.unknown = pause{now, l.UnknownPause}
		return pauseBegan
	}
	return change
}

// forgive ends the row of a site at which a login succeeded.
func (w *wear) forgive(a asker) { delete(w.rows, rowKey{a.domain, a.allowed}) }

// rowOf makes a row where there is none. A flood of domains must not grow the rows, nor
// free a domain of its own: the one that goes is the least of them.
func (w *wear) rowOf(key rowKey, now time.Time) *row {
	r := w.rows[key]
	if r != nil {
		return r
	}
	if len(w.rows) >= maxOrigins {
		var least rowKey
		var weight *row
		for k, x := range w.rows {
			if weight == nil || x.lighter(weight, now) {
				least, weight = k, x
			}
		}
		delete(w.rows, least)
	}
	r = &row{}
	w.rows[key] = r
	return r
}

// lighter reports whether r loses less than x when it is forgotten.
func (r *row) lighter(x *row, now time.Time) bool {
	if r.pauses != x.pauses {
		return r.pauses < x.pauses
	}
	if mine, other := r.rest(now), x.rest(now); mine != other {
		return mine < other
	}
	if r.count != x.count {
		return r.count < x.count
	}
	return r.last.Before(x.last)
}
