package portal

import (
	"sync"
	"time"
)

// throttle slows the password step down: by account and address together after a
// few failures, by address alone only far above what a whole hospital behind one
// address produces. It never locks an account: a person who knows the password
// gets in after a delay that the page states.
type throttle struct {
	now func() time.Time

	mu    sync.Mutex
	pairs map[[2]string]*failures
	hosts map[string]*failures
}

type failures struct {
	count int
	last  time.Time
}

const (
	freeFailures = 5 // of one account from one address
	maxDelay     = time.Minute
	hostFailures = 600 // from one address within the window
	hostDelay    = 30 * time.Second
	window       = 10 * time.Minute
	maxEntries   = 20000
)

func newThrottle(now func() time.Time) *throttle {
	return &throttle{now: now, pairs: map[[2]string]*failures{}, hosts: map[string]*failures{}}
}

// begin returns how long to wait before the next try; zero admits this one. An
// admitted try counts as failed from now, because its password takes time to
// check and many could be sent meanwhile.
func (t *throttle) begin(account, address string) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	wait := t.remaining(account, address, now)
	if wait == 0 {
		t.prune(now)
		count(t.pairs, [2]string{account, address}, now)
		count(t.hosts, address, now)
	}
	return wait
}

func (t *throttle) remaining(account, address string, now time.Time) time.Duration {
	var wait time.Duration
	if f := t.pairs[[2]string{account, address}]; f != nil && f.count >= freeFailures && now.Sub(f.last) < window {
		delay := min(maxDelay, time.Second<<min(f.count-freeFailures+1, 10))
		wait = f.last.Add(delay).Sub(now)
	}
	if f := t.hosts[address]; f != nil && f.count >= hostFailures && now.Sub(f.last) < window {
		wait = max(wait, f.last.Add(hostDelay).Sub(now))
	}
	return max(wait, 0)
}

// succeeded forgets the pair's failures; of the address's, only this try.
func (t *throttle) succeeded(account, address string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.pairs, [2]string{account, address})
	if f := t.hosts[address]; f != nil && f.count > 0 {
		f.count--
	}
}

func count[K comparable](m map[K]*failures, key K, now time.Time) {
	f := m[key]
	if f == nil || now.Sub(f.last) >= window {
		f = &failures{}
		m[key] = f
	}
	f.count++
	f.last = now
}

// prune bounds the memory that a flood of names can take.
func (t *throttle) prune(now time.Time) {
	if len(t.pairs) < maxEntries && len(t.hosts) < maxEntries {
		return
	}
	for key, f := range t.pairs {
		if now.Sub(f.last) >= window || len(t.pairs) >= maxEntries {
			delete(t.pairs, key)
		}
	}
	for key, f := range t.hosts {
		if now.Sub(f.last) >= window || len(t.hosts) >= maxEntries {
			delete(t.hosts, key)
		}
	}
}
