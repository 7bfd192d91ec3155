package login

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/protocol"
)

const (
	maxWaiters   = 8    // requests that wait for the lease
	maxCancelled = 3    // dialogs in a row, then the origin pauses
	maxAbandoned = 10   // logins in a row that the page itself ended, likewise
	maxOrigins   = 1024 // whose cancelled dialogs are counted
)

// queue lets one login at a time ask the person: the one that has the lease.
type queue struct {
	now    func() time.Time
	limits Limits

	mu      sync.Mutex
	leased  bool
	revoke  context.CancelCauseFunc // where the lease is revocable
	waiters []*waiter
	counted map[string]*refusals
}

// waiter is one request in the queue.
type waiter struct {
	origin  string
	granted chan error // nil: go on; an error: the request ends with it
}

// refusals counts the dialogs of an origin that its person cancelled in a row,
// and the logins that it took back itself: dialogs that come and go take the
// keyboard from the person each time.
type refusals struct {
	count, abandoned int
	until            time.Time // the pause's end
}

func newQueue(now func() time.Time, limits Limits) *queue {
	return &queue{now: now, limits: limits, counted: map[string]*refusals{}}
}

// acquire waits for the lease. The caller must call release where acquire returned
// nil. It fails with busy where too many wait, the wait was too long or the origin
// pauses, and with the refusal of a request of the same origin.
func (q *queue) acquire(ctx context.Context, origin string) error {
	q.mu.Lock()
	if r := q.counted[origin]; r != nil {
		if rest := r.until.Sub(q.now()); rest > 0 {
			q.mu.Unlock()
			return protocol.BusyFor(rest)
		}
	}
	if !q.leased {
		q.leased = true
		q.mu.Unlock()
		return nil
	}
	if len(q.waiters) >= maxWaiters {
		q.mu.Unlock()
		return protocol.Fail(protocol.CodeBusy)
	}
	if q.revoke != nil {
		q.revoke(errLeaseWanted)
	}
	w := &waiter{origin: origin, granted: make(chan error, 1)}
	q.waiters = append(q.waiters, w)
	q.mu.Unlock()

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

// acquireRevocable grants the lease, where it is free, to a dialog that no page
// waits for. Its context ends as soon as a request wants the lease. The caller must
// call release.
func (q *queue) acquireRevocable(ctx context.Context) (context.Context, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.leased {
		return ctx, false
	}
	q.leased = true
	ctx, q.revoke = context.WithCancelCause(ctx)
	return ctx, true
}

// withdraw takes w off the queue. A lease granted at the same moment is passed on.
func (q *queue) withdraw(w *waiter, reason error) error {
	q.mu.Lock()
	before := len(q.waiters)
	q.waiters = slices.DeleteFunc(q.waiters, func(x *waiter) bool { return x == w })
	granted := len(q.waiters) == before
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
	if len(q.waiters) == 0 {
		q.leased = false
		return
	}
	next := q.waiters[0]
	q.waiters = q.waiters[1:]
	next.granted <- nil
}

// refused notes that the person cancelled a dialog of the origin: its other
// requests that wait end with the same error, and after the third in a row the
// origin pauses.
func (q *queue) refused(origin string, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiters = slices.DeleteFunc(q.waiters, func(w *waiter) bool {
		if w.origin == origin {
			w.granted <- err
		}
		return w.origin == origin
	})
	r := q.of(origin)
	r.count++
	if r.count >= maxCancelled {
		r.count, r.until = 0, q.now().Add(q.limits.Pause)
	}
}

// abandoned notes that the origin's page took its login back, after the tenth in
// a row of which the origin pauses. What waits, perhaps in another tab, stays.
func (q *queue) abandoned(origin string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	r := q.of(origin)
	r.abandoned++
	if r.abandoned >= maxAbandoned {
		r.abandoned, r.until = 0, q.now().Add(q.limits.Pause)
	}
}

// of is for the holder of the lock.
func (q *queue) of(origin string) *refusals {
	r := q.counted[origin]
	if r == nil {
		if len(q.counted) >= maxOrigins {
			clear(q.counted) // a flood of origins must not grow this
		}
		r = &refusals{}
		q.counted[origin] = r
	}
	return r
}

// succeeded ends a row of cancelled dialogs.
func (q *queue) succeeded(origin string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.counted, origin)
}
