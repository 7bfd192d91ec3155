package gate

import (
	"cmp"
	"slices"
	"time"
)

const (
	maxSockets         = 256 // open at the same time
	maxSocketsOfDomain = 16  // by registrable domain: a site owns as many subdomains as it likes

	// idleLimit is how long a socket keeps its place from others without being of use.
	idleLimit = time.Minute
)

// candidate is the place of a socket while room is looked for.
type candidate struct {
	*admission
	page    Page
	use     Use
	since   time.Time
	allowed bool
	alike   int // sockets of its domain that are as much allowed
}

// roomy reports whether there is room for one more socket of a domain that has so many, of
// so many in all, whoever has them.
func roomy(ofDomain, all int) bool { return ofDomain < maxSocketsOfDomain && all < maxSockets }

// capacity reports whether there is room for one more socket, and where there is none who
// may make it, in that order: none at all where that one is refused.
//
// Allowed sites and others are counted apart, also under one domain, which on shared
// hosting is many people's; and none of the others takes an allowed one's place. An
// allowed site is never refused: where its domain has its number it gives up one of its
// own that is idle, and where none is (a tab that watches a card is not) it goes beyond.
func (g *Gate) capacity(p *admission, list []candidate) (free bool, victims []candidate) {
	ofDomain := countIf(list, func(o candidate) bool { return o.domain == p.domain })
	if roomy(ofDomain, len(list)) {
		return true, nil
	}
	mine := g.describe(p, list)
	minute := func(o candidate) bool { return o.use == Idle && (mine || g.Now().Sub(o.since) >= idleLimit) }
	own := choose(list, func(o candidate) bool { return o.domain == p.domain && o.allowed == mine })
	if len(own) >= maxSocketsOfDomain {
		if idle := choose(own, minute); len(idle) > 0 || !mine {
			return false, idle
		}
	}
	if len(list) < maxSockets {
		return true, nil
	}
	victims = choose(list, func(o candidate) bool { return !o.allowed && minute(o) })
	if !mine {
		return false, victims
	}
	among := list // of allowed sites: a site beyond its number has only itself
	if len(own) >= maxSocketsOfDomain {
		among = own
	}
	for _, more := range [][]candidate{
		choose(list, func(o candidate) bool { return !o.allowed && o.use == Watching }),
		choose(among, func(o candidate) bool { return o.allowed && o.use == Idle }),
		choose(among, func(o candidate) bool { return o.allowed && o.use == Watching }),
	} {
		victims = append(victims, more...)
	}
	return false, victims
}

// describe finds what counts for room of each socket, and whether the new one's site is
// allowed. A socket that is not open yet is as good as running.
func (g *Gate) describe(p *admission, list []candidate) (mine bool) {
	known := map[string]bool{}
	allowed := func(origin string) bool {
		if _, ok := known[origin]; !ok {
			known[origin] = g.Allowed(origin)
		}
		return known[origin]
	}
	for i := range list {
		o := &list[i]
		o.allowed, o.use = allowed(o.origin), Running
		if o.page != nil {
			o.use, o.since = o.page.Use()
		}
	}
	for i := range list {
		o := &list[i]
		o.alike = countIf(list, func(x candidate) bool { return x.domain == o.domain && x.allowed == o.allowed })
	}
	return allowed(p.origin)
}

// choose are the sockets that fit, those first that have been of no more use for longest.
// Of allowed sites the domain that has most comes first: one with many tabs, or a page
// that forgets its sockets, takes no place from another.
func choose(list []candidate, fits func(candidate) bool) (chosen []candidate) {
	for _, o := range list {
		if fits(o) {
			chosen = append(chosen, o)
		}
	}
	slices.SortStableFunc(chosen, func(a, b candidate) int {
		most := 0
		if a.allowed && b.allowed {
			most = cmp.Compare(b.alike, a.alike)
		}
		return cmp.Or(most, a.since.Compare(b.since))
	})
	return chosen
}

func countIf(list []candidate, fits func(candidate) bool) (n int) {
	for _, o := range list {
		if fits(o) {
			n++
		}
	}
	return n
}
