package agent

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	maxWaiting   = 8    // requests that wait for their turn
	maxCancelled = 3    // dialogs in a row, then the origin pauses
	maxAbandoned = 10   // logins in a row that the page itself ended, likewise
	maxOrigins   = 1024 // whose cancelled dialogs are counted
)

// queue lets one login at a time ask the person.
type queue struct {
	now    func() time.Time
	limits Limits

	mu      sync.Mutex
	busy    bool
	yield   context.CancelCauseFunc // where the turn is only lent
	waiting []*turn
	counted map[string]*refusals
}

// turn is one request's place in the queue.
type turn struct {
	origin string
	given  chan error // nil: go on; an error: the request ends with it
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

// enter waits for the origin's turn. The caller must call leave where enter
// returned nil. It fails with busy where too many wait, the wait was too long
// or the origin pauses, and with the refusal of a request of the same origin.
func (q *queue) enter(ctx context.Context, origin string) error {
	q.mu.Lock()
	if r := q.counted[origin]; r != nil {
		if left := r.until.Sub(q.now()); left > 0 {
			q.mu.Unlock()
			return busyFor(left)
		}
	}
	if !q.busy {
		q.busy = true
		q.mu.Unlock()
		return nil
	}
	if len(q.waiting) >= maxWaiting {
		q.mu.Unlock()
		return fail(CodeBusy)
	}
	if q.yield != nil {
		q.yield(errTurnWanted)
	}
	t := &turn{origin: origin, given: make(chan error, 1)}
	q.waiting = append(q.waiting, t)
	q.mu.Unlock()

	limit := time.NewTimer(q.limits.Queue)
	defer limit.Stop()
	select {
	case err := <-t.given:
		return err
	case <-limit.C:
		return q.giveUp(t, fail(CodeBusy))
	case <-ctx.Done():
		return q.giveUp(t, context.Cause(ctx))
	}
}

// lend gives the turn, where it is free, to a dialog that no page waits for. Its
// context ends as soon as a request wants the turn. The caller must call leave.
func (q *queue) lend(ctx context.Context) (context.Context, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.busy {
		return ctx, false
	}
	q.busy = true
	ctx, q.yield = context.WithCancelCause(ctx)
	return ctx, true
}

// giveUp takes t off the queue. A turn given at the same moment is passed on.
func (q *queue) giveUp(t *turn, reason error) error {
	q.mu.Lock()
	before := len(q.waiting)
	q.waiting = slices.DeleteFunc(q.waiting, func(x *turn) bool { return x == t })
	given := len(q.waiting) == before
	q.mu.Unlock()
	if given {
		if err := <-t.given; err == nil {
			q.leave()
		}
	}
	return reason
}

// taken tells whether a login has its turn.
func (q *queue) taken() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.busy
}

// leave gives the turn to the next that waits.
func (q *queue) leave() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.yield != nil {
		q.yield(nil)
		q.yield = nil
	}
	if len(q.waiting) == 0 {
		q.busy = false
		return
	}
	next := q.waiting[0]
	q.waiting = q.waiting[1:]
	next.given <- nil
}

// refused notes that the person cancelled a dialog of the origin: its other
// requests that wait end with the same error, and after the third in a row the
// origin pauses.
func (q *queue) refused(origin string, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = slices.DeleteFunc(q.waiting, func(t *turn) bool {
		if t.origin == origin {
			t.given <- err
		}
		return t.origin == origin
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
