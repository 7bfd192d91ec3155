package login

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/protocol"
	"github.com/cpx-bridge/cpx-bridge/internal/domain"
	"github.com/cpx-bridge/cpx-bridge/internal/origin"
)

const (
	maxWaiters = 8    // requests that wait for the lease: of allowed sites, and as many of all others
	maxOrigins = 1024 // of which something is remembered in memory
)

// queue lets one login at a time ask the person: the one that has the lease. Everything
// is decided under its lock, which is never held while somebody is asked or waited for.
type queue struct {
	now    func() time.Time
	limits Limits
	// paused is called, without the lock, when the pause of the sites that are not
	// allowed begins or ends.
	paused func(pauseChange)
	began  chan struct{} // receives when such a pause begins
	// step is told what happens to each request; it is called with the lock.
	step func(request uint64, step string, more ...any)

	mu      sync.Mutex
	leased  bool
	holder  uint64                  // the request that has the lease, or offerNumber
	revoke  context.CancelCauseFunc // where the lease is revocable
	waiters []*waiter               // those of allowed sites first
	wear
}

// asker is who asks, as far as the queue has to know.
type asker struct {
	origin  string
	domain  string // the registrable one: a site has as many names below it as it likes
	allowed bool   // needs no consent dialog
	request uint64
}

func newAsker(text string, allowed bool) asker {
	a := asker{origin: text, domain: text, allowed: allowed}
	if o, err := origin.Parse(text); err == nil {
		a.domain = domain.Of(o)
	}
	return a
}

// waiter is one request in the queue.
type waiter struct {
	asker
	granted chan error // nil: go on; an error: the request ends with it
}

func newQueue(now func() time.Time, limits Limits, paused func(pauseChange)) *queue {
	return &queue{now: now, limits: limits, paused: paused, began: make(chan struct{}, 1), wear: newWear(),
		step: func(uint64, string, ...any) {}}
}

// acquire waits for the lease. The caller must call release where acquire returned
// nil. It fails with busy where too many wait, the wait was too long or the site
// pauses, and with the refusal of a request of the same origin. A request that its page
// takes back meanwhile counts like a dialog that it takes back: asking and taking back
// is how a page would find out whether somebody logs in.
func (q *queue) acquire(ctx context.Context, a asker) error {
	err := q.await(ctx, a)
	if errors.Is(err, protocol.ErrPageCancelled) {
		q.worn(a)
	}
	return err
}

func (q *queue) await(ctx context.Context, a asker) error {
	w, err := q.enlist(ctx, a)
	if w == nil {
		return err
	}
	limit := time.NewTimer(q.limits.Queue)
	defer limit.Stop()
	select {
	case err := <-w.granted:
		return err
	case <-limit.C:
		return q.withdraw(w, protocol.Fail(protocol.CodeBusy))
	case <-ctx.Done():
		return q.withdraw(w, context.Cause(ctx))
	}
}

// enlist returns the waiter that a has become, or none: where the lease is a's, and
// where the request ends with the error.
func (q *queue) enlist(ctx context.Context, a asker) (*waiter, error) {
	change := pauseChange("")
	defer func() { q.notify(change) }()
	q.mu.Lock()
	defer q.mu.Unlock()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	var rest time.Duration
	if rest, change = q.pauseOf(q.now(), a, q.limits); rest > 0 {
		q.stepOf(a, "turned_away")
		return nil, protocol.BusyFor(rest)
	}
	if !q.leased {
		q.leased, q.holder = true, a.request
		q.stepOf(a, "leased")
		return nil, nil
	}
	if !q.admits(a) {
		q.stepOf(a, "turned_away")
		return nil, protocol.Fail(protocol.CodeBusy)
	}
	if q.revoke != nil {
		q.revoke(errLeaseWanted)
	}
	w := &waiter{asker: a, granted: make(chan error, 1)}
	at := len(q.waiters)
	if a.allowed {
		at = q.countWaiters(func(x asker) bool { return x.allowed })
	}
	q.waiters = slices.Insert(q.waiters, at, w)
	q.stepOf(a, "queued")
	return w, nil
}

// stepOf says more of the request than its number; the caller holds the lock.
func (q *queue) stepOf(a asker, step string) {
	if a.request == noRequest {
		return
	}
	q.step(a.request, step, "allowed", a.allowed, "domain", a.domain)
}

// admits reports whether a may wait: allowed sites have capacity of their own, and of
// others each domain has one request in the queue. The caller holds the lock.
func (q *queue) admits(a asker) bool {
	if !a.allowed && q.countWaiters(func(x asker) bool { return !x.allowed && x.domain == a.domain }) > 0 {
		return false
	}
	return q.countWaiters(func(x asker) bool { return x.allowed == a.allowed }) < maxWaiters
}

func (q *queue) countWaiters(is func(asker) bool) (n int) {
	for _, w := range q.waiters {
		if is(w.asker) {
			n++
		}
	}
	return n
}

// pausedFor fails with busy where a is paused now: a site may have ceased to be allowed
// while it waited.
func (q *queue) pausedFor(a asker) error {
	q.mu.Lock()
	rest, change := q.pauseOf(q.now(), a, q.limits)
	q.mu.Unlock()
	q.notify(change)
	if rest > 0 {
		return protocol.BusyFor(rest)
	}
	return nil
}

// acquireRevocable grants the lease, where it is free, to a dialog that no page
// waits for. Its context ends as soon as a request wants the lease. The caller must
// call release.
func (q *queue) acquireRevocable(ctx context.Context) (context.Context, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.leased {
		return ctx, false
	}
	q.leased, q.holder = true, offerNumber
	q.step(q.holder, "leased")
	ctx, q.revoke = context.WithCancelCause(ctx)
	return ctx, true
}

// noRequest stands for who has the lease so that no login has it, and leaves no trace.
const noRequest = math.MaxUint64

// acquireAlone waits for the lease, before all who wait for it, for something that must not
// happen during a login. The caller must call release where it returned nil.
func (q *queue) acquireAlone(ctx context.Context) error {
	q.mu.Lock()
	if !q.leased {
		q.leased, q.holder = true, noRequest
		q.mu.Unlock()
		return nil
	}
	if q.revoke != nil {
		q.revoke(errLeaseWanted)
	}
	w := &waiter{asker: asker{allowed: true, request: noRequest}, granted: make(chan error, 1)}
	q.waiters = slices.Insert(q.waiters, 0, w)
	q.mu.Unlock()
	select {
	case err := <-w.granted:
		return err
	case <-ctx.Done():
		return q.withdraw(w, context.Cause(ctx))
	}
}

// acquireFree is acquireAlone that waits for nobody.
func (q *queue) acquireFree() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.leased {
		return false
	}
	q.leased, q.holder = true, noRequest
	return true
}

// withdraw takes w off the queue. A lease granted at the same moment is passed on.
func (q *queue) withdraw(w *waiter, reason error) error {
	q.mu.Lock()
	before := len(q.waiters)
	q.waiters = slices.DeleteFunc(q.waiters, func(x *waiter) bool { return x == w })
	granted := len(q.waiters) == before
	if !granted {
		q.stepOf(w.asker, "withdrawn")
	}
	q.mu.Unlock()
	if granted {
		if err := <-w.granted; err == nil {
			q.release()
		}
	}
	return reason
}

// inUse reports whether somebody has the lease.
func (q *queue) inUse() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.leased
}

// atLogin reports whether a login has the lease, or waits for one that is revocable:
// a question that stands after a login uses no card.
func (q *queue) atLogin() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.leased && (q.revoke == nil || len(q.waiters) > 0)
}

// release grants the lease to the next that waits.
func (q *queue) release() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.revoke != nil {
		q.revoke(nil)
		q.revoke = nil
	}
	if q.holder != noRequest {
		q.step(q.holder, "released")
	}
	if len(q.waiters) == 0 {
		q.leased = false
		return
	}
	next := q.waiters[0]
	q.waiters = q.waiters[1:]
	q.holder = next.request
	q.stepOf(next.asker, "leased")
	next.granted <- nil
}

// refused notes that the person cancelled a dialog of a: other requests of its origin
// that wait end with the same error.
func (q *queue) refused(a asker, err error) {
	q.mu.Lock()
	q.end(err, func(x asker) bool { return x.origin == a.origin })
	q.mu.Unlock()
	q.worn(a)
}

// end ends the waiters that are so with an error; the caller holds the lock.
func (q *queue) end(err error, is func(asker) bool) {
	q.waiters = slices.DeleteFunc(q.waiters, func(w *waiter) bool {
		ends := is(w.asker)
		if ends {
			q.stepOf(w.asker, "ended_in_line")
			w.granted <- err
		}
		return ends
	})
}

// worn notes a dialog of a, or a request that waited, that wore the person down to no
// end: refused, not answered, or taken back by its page. What waits of sites that pause
// because of it ends; a dialog that stands stays, because the person may be reading it.
// Of allowed sites what waits stays: it may be another tab's, and asked before.
func (q *queue) worn(a asker) {
	q.mu.Lock()
	now := q.now()
	change := q.count(now, a, q.limits)
	if !a.allowed {
		rest, _ := q.pauseOf(now, a, q.limits)
		all := q.unknown.rest(now) > 0
		if rest > 0 {
			q.end(protocol.BusyFor(rest), func(x asker) bool { return !x.allowed && (all || x.domain == a.domain) })
		}
	}
	q.mu.Unlock()
	q.notify(change)
}

// succeeded ends a site's row.
func (q *queue) succeeded(a asker) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.forgive(a)
}

// notify is called without the lock: it logs.
func (q *queue) notify(change pauseChange) {
	if change == "" || q.paused == nil {
		return
	}
	if change == pauseBegan {
		select {
		case q.began <- struct{}{}:
		default:
		}
	}
	q.paused(change)
}
