package journal

import "time"

// bucket is a capacity that is used up and comes back with time.
type bucket struct {
	level, full float64
	each        time.Duration // in which one comes back
	at          time.Time
}

func newBucket(full float64, each time.Duration, now time.Time) *bucket {
	return &bucket{level: full, full: full, each: each, at: now}
}

// has reports whether n are left.
func (b *bucket) has(n float64, now time.Time) bool {
	if passed := now.Sub(b.at); passed > 0 {
		b.level = min(b.full, b.level+float64(passed)/float64(b.each))
		b.at = now
	}
	return b.level >= n
}

// use uses n up, also where fewer are left.
func (b *bucket) use(n float64, now time.Time) {
	b.has(n, now)
	b.level -= n
}
