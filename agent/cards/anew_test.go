package cards

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/fakes"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// slow is a pool whose readings, and new starts of its modules, the test lets through one by
// one. Like a real one it shows what was read last until a reading has ended.
type slow struct {
	*fakes.Pool
	reading, goOn chan struct{}
	shown         pkcs11.Snapshot
}

func (s *slow) List(ctx context.Context) (pkcs11.Snapshot, error) {
	s.reading <- struct{}{}
	<-s.goOn
	now, err := s.Pool.List(ctx)
	s.Mu.Lock()
	defer s.Mu.Unlock()
	s.shown = now
	return now, err
}

func (s *slow) Snapshot() (pkcs11.Snapshot, bool) {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	return s.shown, true
}

// newSlow is a pool with one card that has been read, and the cards over it.
func newSlow(t *testing.T, event pcsc.Event) (*slow, *Cards, *[]string) {
	t.Helper()
	pool, _ := fakes.OneCard(t)
	s := &slow{Pool: pool, reading: make(chan struct{}), goOn: make(chan struct{})}
	gone := &[]string{}
	x := New(Options{Pool: s, Logger: slog.New(slog.DiscardHandler), Removed: func(is func(string) bool) {
		for _, c := range pool.Cards.Certificates {
			if is(c.ID) {
				*gone = append(*gone, c.ID)
			}
		}
	}})
	x.readings.onIdle(x.readers.mark, func(mark int) { x.settle(t.Context(), mark) })
	x.readers.observe(event)
	x.Refresh(t.Context())
	s.one(t, x)
	return s, x, gone
}

// one lets one reading in the background through, and awaits its end.
func (s *slow) one(t *testing.T, x *Cards) {
	t.Helper()
	<-s.reading
	s.goOn <- struct{}{}
	x.Wait(time.Minute)
}

func shown(x *Cards) state.State {
	var s state.State
	x.Fill(&s)
	return s
}

// TestReadAnew: once the cards may have been changed without an event nothing is shown of
// what was read before, not even where PC/SC says that all is as it was, nor of a slot that
// it does not know; what is shown next is what was read since.
func TestReadAnew(t *testing.T) {
	for name, event := range map[string]pcsc.Event{
		"a reader of PC/SC": fakes.Present(1), "another reader": {Readers: []pcsc.Reader{{Name: "other"}}}, "no service": {Err: pcsc.ErrNoService},
	} {
		t.Run(name, func(t *testing.T) {
			pool, x, gone := newSlow(t, event)
			if s := shown(x); len(s.Certificates) != 1 || s.Card != state.CardPresent {
				t.Fatalf("before: %+v", s)
			}
			// It is a reading from before that ends first.
			x.Refresh(t.Context())
			<-pool.reading
			x.ReadAnew(t.Context(), true)
			if s := shown(x); len(s.Certificates) > 0 || s.Card != state.CardAbsent || !s.Arriving {
				t.Errorf("while it is read: %d certificates, card %s, arriving %v", len(s.Certificates), s.Card, s.Arriving)
			}
			if _, card := x.Summary(); card != state.CardPresent {
				t.Errorf("a page is told: %s", card)
			}
			pool.goOn <- struct{}{}
			<-pool.reading // the one that was asked for
			if s := shown(x); len(s.Certificates) > 0 || !s.Arriving {
				t.Errorf("after the reading from before: %d certificates, arriving %v", len(s.Certificates), s.Arriving)
			}
			pool.goOn <- struct{}{}
			x.Wait(time.Minute)
			if s := shown(x); len(s.Certificates) != 1 || s.Arriving || len(*gone) > 0 {
				t.Errorf("the same card: %d certificates, gone %v", len(s.Certificates), *gone)
			}
			if pool.Restarts() < 1 {
				t.Error("the modules keep what they had")
			}
			restarts := pool.Restarts()
			pool.Set(pkcs11.Snapshot{Slots: []pkcs11.Slot{fakes.EmptySlot}})
			x.ReadAnew(t.Context(), false)
			pool.one(t, x)
			if s := shown(x); len(s.Certificates) > 0 || s.Card != state.CardAbsent || pool.Restarts() != restarts {
				t.Errorf("without a card: %+v, %d restarts", s, pool.Restarts())
			}
		})
	}
}

// TestServiceGoes: with the PC/SC service goes what was read through it, at once, and the
// modules forget it too; the cards are read anew once it goes, and once it is back.
func TestServiceGoes(t *testing.T) {
	pool, x, gone := newSlow(t, fakes.Present(1))
	go x.event(t.Context(), pcsc.Event{Err: pcsc.ErrNoService})
	<-pool.reading
	if s := shown(x); len(s.Certificates) > 0 || s.Card != state.CardAbsent {
		t.Errorf("without a service: %d certificates, card %s", len(s.Certificates), s.Card)
	}
	if pool.Restarts() != 1 || len(*gone) != 1 {
		t.Errorf("%d restarts, %d removed", pool.Restarts(), len(*gone))
	}
	pool.goOn <- struct{}{}
	x.Wait(time.Minute)
	if s := shown(x); len(s.Certificates) != 1 { // some modules have another way to their readers
		t.Errorf("what the module says without a service: %+v", s)
	}
	x.event(t.Context(), pcsc.Event{Err: pcsc.ErrNoService}) // still away: nothing is done
	restarted := fakes.Present(7)
	restarted.Restarted = true
	go x.event(t.Context(), restarted)
	pool.one(t, x)
	if s := shown(x); len(s.Certificates) != 1 || s.Card != state.CardPresent || pool.Restarts() != 2 {
		t.Errorf("once it is back: %d certificates, card %s, %d restarts", len(s.Certificates), s.Card, pool.Restarts())
	}
}

// TestWatchBegunAnew: where the readers may be another session's the watch of them begins
// anew; one that waits for ever in a service that is gone is no obstacle, and what it reports
// later is not taken.
func TestWatchBegunAnew(t *testing.T) {
	pool, _ := fakes.OneCard(t)
	begun, hangs, gone := make(chan func(pcsc.Event)), make(chan struct{}), make(chan struct{})
	first := true
	x := New(Options{Pool: pool, Logger: slog.New(slog.DiscardHandler), Limits: Limits{Unwatch: time.Millisecond}, Watch: func(ctx context.Context, changed func(pcsc.Event)) {
		until := ctx.Done()
		if first {
			first, until = false, hangs
			defer close(gone)
		}
		begun <- changed
		<-until
	}})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); x.Run(ctx) }()
	before := <-begun
	before(fakes.Present(1))
	x.ReadAnew(t.Context(), false)
	x.ReadAnew(t.Context(), true)
	after := <-begun
	before(pcsc.Event{Readers: []pcsc.Reader{{Name: "of before", Present: true}}})
	if got := x.readers.names(); len(got) != 1 || got[0] != fakes.ReaderName {
		t.Errorf("readers %v", got)
	}
	after(pcsc.Event{Readers: []pcsc.Reader{{Name: "of now"}}})
	if got := x.readers.names(); len(got) != 1 || got[0] != "of now" {
		t.Errorf("readers %v", got)
	}
	cancel()
	<-ended
	close(hangs)
	<-gone
	x.Wait(time.Minute)
}

func (r *readers) names() (names []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, reader := range r.list {
		names = append(names, reader.Name)
	}
	return names
}
