package revocation

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// ListStatus is how one list is, for health checks, metrics and people.
type ListStatus struct {
	Address string
	Delta   bool
	// Held says whether a list is held; the fields down to Entries are its.
	Held                   bool
	Issuer                 string
	Number                 string // "" where the list states none
	ThisUpdate, NextUpdate time.Time
	Entries                int

	Fetched  time.Time // when the server last had it; zero where it never did
	Due      time.Time // when it will be fetched anew
	Failures int       // how often the last tries failed
	Failure  error     // of the last try, nil where it succeeded
}

// Usable says whether the list counts at that time.
func (s ListStatus) Usable(at time.Time) bool { return s.Held && !at.After(s.NextUpdate) }

// Status lists the lists, sorted by address.
func (c *Checker) Status() []ListStatus {
	c.mu.RLock()
	all := make([]*source, 0, len(c.sources))
	for _, s := range c.sources {
		all = append(all, s)
	}
	c.mu.RUnlock()
	status := make([]ListStatus, 0, len(all))
	for _, s := range all {
		s.mu.Lock()
		one := ListStatus{Address: s.address, Delta: s.delta, Fetched: s.stored.Fetched, Due: s.due, Failures: s.fails, Failure: s.failure}
		if l := s.current.Load(); l != nil {
			one.Held, one.Issuer, one.Number = true, l.signer.Subject.String(), numberText(l)
			one.ThisUpdate, one.NextUpdate, one.Entries = l.thisUpdate, l.nextUpdate, l.entries.count
		}
		s.mu.Unlock()
		status = append(status, one)
	}
	slices.SortFunc(status, func(a, b ListStatus) int { return cmp.Compare(a.Address, b.Address) })
	return status
}

// Ready waits until the lists that are known from the start were fetched, or could not be,
// and returns why the first of them does not count.
func (c *Checker) Ready(ctx context.Context) error {
	c.mu.RLock()
	all := make([]*source, 0, len(c.sources))
	for _, s := range c.sources {
		all = append(all, s)
	}
	c.mu.RUnlock()
	for _, s := range all {
		s.mu.Lock()
		flight := s.flight
		s.mu.Unlock()
		if flight != nil {
			select {
			case <-flight.ended:
			case <-ctx.Done():
				return &Error{ReasonTimeout, s.address, context.Cause(ctx)}
			}
		}
	}
	for _, s := range c.Status() {
		if !s.Delta && !s.Usable(c.o.Now()) {
			return at(s.Address, cmp.Or(s.Failure, error(refuse(ReasonExpired, "it held until %s", s.NextUpdate.UTC().Format(time.RFC3339)))))
		}
	}
	return nil
}
