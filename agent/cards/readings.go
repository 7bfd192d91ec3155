package cards

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// readings is the one place from which the agent reads the cards. What others go
// by is the pool's snapshot, which never waits for a module.
type readings struct {
	pool Pool
	now  func() time.Time
	log  *slog.Logger

	mu      sync.Mutex
	last    time.Time // end of the last reading
	before  []string  // what the last reading showed
	shown   []string  // the IDs of its certificates
	known   bool      // the first reading has ended, well or not
	running chan struct{}
	repeat  bool          // asked for while one ran: something changed meanwhile
	nextEnd chan struct{} // closed at the end of the next reading
	err     error
	changed []func(before []string, now pkcs11.Snapshot)
	// idle is called when no reading in the background is left, with what mark
	// returned before the last of them began.
	idle func(mark int)
	mark func() int
}

func newReadings(pool Pool, now func() time.Time, log *slog.Logger) *readings {
	return &readings{pool: pool, now: now, log: log, nextEnd: make(chan struct{}), idle: func(int) {}, mark: func() int { return 0 }}
}

// onChange has f called after a reading that showed something else than the one
// before, with the IDs of the certificates that that one showed.
func (r *readings) onChange(f func(before []string, now pkcs11.Snapshot)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changed = append(r.changed, f)
}

// onIdle has f called each time that no reading in the background is left, with
// what mark returned before the last of them began.
func (r *readings) onIdle(mark func() int, f func(mark int)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mark, r.idle = mark, f
}

// read reads now.
func (r *readings) read(ctx context.Context) (pkcs11.Snapshot, error) {
	return r.note(ctx, r.pool.List)
}

// note notes what was read, and calls who wants to know what has changed.
func (r *readings) note(ctx context.Context, read func(context.Context) (pkcs11.Snapshot, error)) (pkcs11.Snapshot, error) {
	snapshot, err := read(ctx)
	if ctx.Err() != nil {
		return snapshot, err // abandoned, so it says nothing about the cards
	}
	var ids []string
	for _, s := range snapshot.Slots {
		ids = append(ids, s.Module+"\n"+s.Description+"\n"+pinFlags(s.Token)+fmt.Sprint(s.Unrecognized, s.Mute, s.Contactless))
	}
	shown := certificateIDs(snapshot)
	ids = append(ids, shown...)
	r.mu.Lock()
	differs := !r.known || !slices.Equal(ids, r.before) || (err == nil) != (r.err == nil)
	r.last, r.before, r.known, r.err = r.now(), ids, true, err
	before, changed := r.shown, r.changed
	r.shown = shown
	close(r.nextEnd)
	r.nextEnd = make(chan struct{})
	r.mu.Unlock()
	if differs {
		for _, f := range changed {
			f(before, snapshot)
		}
	}
	return snapshot, err
}

// next is closed at the end of the next reading.
func (r *readings) next() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.nextEnd
}

// refresh reads in the background; where such a reading runs, once more after it,
// because what it has seen may be from before the change.
func (r *readings) refresh(ctx context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running != nil {
		r.repeat = true
		return
	}
	done := make(chan struct{})
	r.running = done
	mark, idle := r.mark, r.idle
	go func() {
		defer close(done)
		before := 0
		for more := true; more; {
			before = mark()
			if _, err := r.read(ctx); err != nil && ctx.Err() == nil {
				r.log.Warn("cards cannot be read", "error", err)
			}
			r.mu.Lock()
			more = r.repeat && ctx.Err() == nil
			r.repeat = false
			if !more {
				r.running = nil
			}
			r.mu.Unlock()
		}
		idle(before)
	}()
}

// olderThan reports whether the last reading is older than age.
func (r *readings) olderThan(age time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now().Sub(r.last) > age
}

// outcome is the last reading's; known is false before the first has ended.
func (r *readings) outcome() (known bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.known, r.err
}

// busy reports whether a reading in the background runs, so that what is known of
// the cards may be from before a change.
func (r *readings) busy() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.running != nil
}

// pinFlags is what a card's flags say of its PIN.
func pinFlags(t *pkcs11.Token) string {
	if t == nil {
		return ""
	}
	return fmt.Sprint(t.PINCountLow, t.PINFinalTry, t.PINLocked, t.MaybeInUse, t.PINNotSet, t.PINExpired)
}

// wait lets a running background reading end, at most for limit.
func (r *readings) wait(limit time.Duration) {
	r.mu.Lock()
	running := r.running
	r.mu.Unlock()
	if running == nil {
		return
	}
	select {
	case <-running:
	case <-time.After(limit):
	}
}
