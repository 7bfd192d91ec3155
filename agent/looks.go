package agent

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"sync"
	"time"

	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// looks is the one place from which the agent looks at the cards. What others
// read is the pool's snapshot, which never waits for a module.
type looks struct {
	cards Cards
	now   func() time.Time
	log   *slog.Logger

	mu      sync.Mutex
	last    time.Time // end of the last look
	before  []string  // certificates the last look showed
	ended   bool      // the first look has ended, well or not
	running chan struct{}
	again   bool          // asked for while one ran: something changed meanwhile
	ending  chan struct{} // closed at the end of the next look
	err     error
	changed []func(pkcs11.Snapshot)
	rested  func() // called when no look in the background is left
}

func newLooks(cards Cards, now func() time.Time, log *slog.Logger) *looks {
	return &looks{cards: cards, now: now, log: log, ending: make(chan struct{}), rested: func() {}}
}

func (l *looks) onChange(f func(pkcs11.Snapshot)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changed = append(l.changed, f)
}

// onRest calls f each time that no look in the background is left.
func (l *looks) onRest(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rested = f
}

// list looks now.
func (l *looks) list(ctx context.Context) (pkcs11.Snapshot, error) {
	snapshot, err := l.cards.List(ctx)
	if ctx.Err() != nil {
		return snapshot, err // given up on, says nothing about the cards
	}
	ids := []string{}
	for _, s := range snapshot.Slots {
		ids = append(ids, s.Module+"\n"+s.Description+"\n"+tries(s.Token))
	}
	for _, c := range snapshot.Certificates {
		ids = append(ids, c.ID)
	}
	l.mu.Lock()
	differs := !l.ended || !reflect.DeepEqual(ids, l.before) || (err == nil) != (l.err == nil)
	l.last, l.before, l.ended, l.err = l.now(), ids, true, err
	tell := l.changed
	close(l.ending)
	l.ending = make(chan struct{})
	l.mu.Unlock()
	if differs {
		for _, f := range tell {
			f(snapshot)
		}
	}
	return snapshot, err
}

// next is closed at the end of the next look.
func (l *looks) next() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ending
}

// refresh looks in the background; where such a look runs, once more after it,
// because what it has seen may be from before the change.
func (l *looks) refresh(ctx context.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running != nil {
		l.again = true
		return
	}
	done := make(chan struct{})
	l.running = done
	go func() {
		defer close(done)
		for more := true; more; {
			if _, err := l.list(ctx); err != nil && ctx.Err() == nil {
				l.log.Warn("cards cannot be read", "error", err)
			}
			l.mu.Lock()
			more = l.again && ctx.Err() == nil
			l.again = false
			if !more {
				l.running = nil
			}
			l.mu.Unlock()
		}
		l.mu.Lock()
		rested := l.rested
		l.mu.Unlock()
		rested()
	}()
}

// refreshIfOlder looks in the background where the last look is older than age.
func (l *looks) refreshIfOlder(ctx context.Context, age time.Duration) {
	if l.olderThan(age) {
		l.refresh(ctx)
	}
}

func (l *looks) olderThan(age time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now().Sub(l.last) > age
}

// state is the last look's outcome; known is false before the first has ended.
func (l *looks) state() (known bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended, l.err
}

// busy tells whether a look in the background runs, so that what is known of
// the cards may be from before a change.
func (l *looks) busy() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.running != nil
}

// tries is what a card's flags say of its PIN.
func tries(t *pkcs11.Token) string {
	if t == nil {
		return ""
	}
	return fmt.Sprint(t.PINCountLow, t.PINFinalTry, t.PINLocked, t.PINNotSet)
}

// wait lets a running background look end, at most for limit.
func (l *looks) wait(limit time.Duration) {
	l.mu.Lock()
	running := l.running
	l.mu.Unlock()
	if running == nil {
		return
	}
	select {
	case <-running:
	case <-time.After(limit):
	}
}

// proven remembers which origins got a token with which certificate, in this
// run of the agent: only they may watch it.
type proven struct {
	mu   sync.Mutex
	seen map[[2]string]bool
}

func newProven() *proven { return &proven{seen: map[[2]string]bool{}} }

func (p *proven) add(origin, id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen[[2]string{origin, id}] = true
}

func (p *proven) has(origin, id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen[[2]string{origin, id}]
}
