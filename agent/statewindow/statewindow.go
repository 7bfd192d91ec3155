// Package statewindow has the one window that shows the agent's state to the
// person, whether the menu, or a second start.
//
// A [Window] may be used from any goroutine. However often it is asked for, one
// window stands at most, and none is left behind at the end. It neither knows what
// it shows nor how.
package statewindow

import (
	"context"
	"sync"
	"time"
)

// Show gathers the state, calls opened, and shows the state until the person
// closes it or ctx ends.
type Show func(ctx context.Context, opened func())

// Window shows the state.
type Window struct {
	show Show
	now  func() time.Time

	mu        sync.Mutex
	opened    time.Time
	open      bool
	gathering bool // the state is being gathered, and the window comes
	replace   bool
	ended     bool
	close     context.CancelFunc
	running   sync.WaitGroup
}

// New makes a Window that is not shown yet.
func New(show Show, now func() time.Time) *Window { return &Window{show: show, now: now} }

// Pause is the least time between two windows: a program that asks again and again
// must not flood the person.
const Pause = time.Second

// Stays is how long a window stays at least before another click replaces it. A slow
// workstation needs seconds to draw one, and a person who clicks again until they see it
// would never see it.
const Stays = 5 * time.Second

// Open shows the state until the person closes it or ctx ends, and returns at once.
// Where the window has stood for a while, perhaps behind others, it makes way for a new
// one. One that waits for the cards to be read, or to be drawn, comes anyway: who clicks
// again would only put it off.
func (w *Window) Open(ctx context.Context) {
	w.mu.Lock()
	defer w.mu.Unlock()
	pause := Pause
	if w.open {
		pause = Stays
	}
	if w.ended || w.gathering || !w.opened.IsZero() && w.now().Sub(w.opened) < pause {
		return
	}
	if w.open {
		w.replace = true
		w.close()
		return
	}
	w.open = true
	shown := w.next(ctx)
	w.running.Go(func() { w.run(ctx, shown) })
}

// run shows one window after the other, as long as each makes way for the next.
func (w *Window) run(ctx, shown context.Context) {
	for {
		w.show(shown, w.stands)
		w.mu.Lock()
		w.close()
		w.gathering = false // where nothing could be shown
		if !w.replace || w.ended || ctx.Err() != nil {
			w.open, w.replace = false, false
			w.mu.Unlock()
			return
		}
		shown = w.next(ctx)
		w.mu.Unlock()
	}
}

// next is for the holder of the lock.
func (w *Window) next(ctx context.Context) context.Context {
	ctx, w.close = context.WithCancel(ctx)
	w.gathering, w.replace = true, false
	return ctx
}

// stands notes that the window is being opened.
func (w *Window) stands() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gathering, w.opened = false, w.now()
}

// End closes the window, and waits for it to be gone: nothing is left behind on
// the person's desktop.
func (w *Window) End() {
	w.mu.Lock()
	w.ended = true
	if w.open {
		w.close()
	}
	w.mu.Unlock()
	w.running.Wait()
}
