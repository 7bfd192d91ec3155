package cards

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/fakes"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

func TestReaders(t *testing.T) {
	slot := pkcs11.Slot{Description: "TEST reader", Hardware: true, Token: &pkcs11.Token{}}
	soft := pkcs11.Slot{Description: "software", Token: &pkcs11.Token{}}
	var r readers
	for _, step := range []struct {
		name    string
		event   pcsc.Event
		emptied []string
		differs bool
	}{
		{"the first", fakes.Present(1), nil, true},
		{"the same", fakes.Present(1), nil, false},
		{"another card put in its place", fakes.Present(3), []string{"TEST reader"}, true},
		{"taken out", fakes.Empty(4), []string{"TEST reader"}, true},
		{"put in", fakes.Present(5), nil, true},
		{"reader unplugged", pcsc.Event{}, []string{"TEST reader"}, true},
		{"plugged again", fakes.Present(1), nil, true},
		{"service gone", pcsc.Event{Err: pcsc.ErrNoService}, []string{"TEST reader"}, true},
		{"still gone", pcsc.Event{Err: pcsc.ErrNoService}, nil, false},
		{"back, empty", pcsc.Event{Restarted: true}, nil, true},
		{"restarted unseen", pcsc.Event{Restarted: true}, nil, true},
	} {
		emptied, differs := r.observe(step.event)
		if !slices.Equal(emptied, step.emptied) || differs != step.differs {
			t.Errorf("%s: emptied %v, differs %v", step.name, emptied, differs)
		}
	}
	r.observe(fakes.Empty(1))
	for _, c := range []struct {
		slots    []pkcs11.Slot
		count    int
		followed bool
	}{
		{nil, 1, true}, {[]pkcs11.Slot{slot}, 1, true}, {[]pkcs11.Slot{slot, soft}, 2, false}, {[]pkcs11.Slot{{Description: "free"}}, 1, false},
	} {
		s := pkcs11.Snapshot{Slots: c.slots}
		if r.count(s) != c.count || r.followed(s) != c.followed {
			t.Errorf("%v: %d readers, followed %v", c.slots, r.count(s), r.followed(s))
		}
	}
	r.observe(pcsc.Event{Err: pcsc.ErrNoService})
	if s := (pkcs11.Snapshot{Slots: []pkcs11.Slot{slot, {Description: "x", Hardware: true}}}); r.count(s) != 1 || r.followed(s) {
		t.Error("readers that went with the service are counted")
	}
	r = readers{}
	r.observe(pcsc.Event{Err: pcsc.ErrNoService})
	if s := (pkcs11.Snapshot{Slots: []pkcs11.Slot{{Description: "x", Hardware: true}, soft}}); r.count(s) != 2 || r.followed(s) {
		t.Error("without a service the modules' word counts")
	}
}

// A reading asked for while one runs is made after it: what the first has seen may
// be from before the change.
func TestReadingsAreNotLost(t *testing.T) {
	pool, _ := fakes.OneCard(t)
	l := newReadings(pool, time.Now, slog.New(slog.DiscardHandler))
	var n atomic.Int32
	first := make(chan struct{})
	l.onChange(func([]string, pkcs11.Snapshot) {
		if n.Add(1) == 1 {
			l.refresh(t.Context())
			l.refresh(t.Context())
			close(first)
		}
	})
	l.refresh(t.Context())
	<-first
	l.wait(10 * time.Second)
	if got := pool.Reads(); got != 2 {
		t.Errorf("%d readings, want 2", got)
	}
}

func TestRemovedError(t *testing.T) {
	ctx, end := (&waiters{}).begin(t.Context(), "x")
	if err := CardRemoved(ctx, prompt.ErrTimeout); !errors.Is(err, prompt.ErrTimeout) {
		t.Errorf("%v", err)
	}
	end()
}

// observing is a pool that notes when it observes an event.
type observing struct {
	*fakes.Pool
	note func(string)
}

func (o observing) Observe(pcsc.Event) { o.note("observed") }

// The pool hears of an event before anybody else: no login may go by a reading
// that the event ends.
func TestPoolObservesFirst(t *testing.T) {
	pool, _ := fakes.OneCard(t)
	var order []string
	note := func(what string) { order = append(order, what) }
	c := New(Options{
		Pool: observing{pool, note}, Logger: slog.New(slog.DiscardHandler),
		Removed: func(func(string) bool) { note("removed") }, Changed: func() { note("changed") },
	})
	if _, err := pool.List(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.readers.observe(fakes.Present(1))
	ended, end := context.WithCancel(t.Context())
	end() // no reading is wanted
	c.event(ended, fakes.Empty(2))
	if len(order) < 3 || order[0] != "observed" || !slices.Contains(order, "removed") {
		t.Errorf("%v", order)
	}
	c.Wait(10 * time.Second)
}

// TestReadingBeforeTheEvent: a reading that began before the last event is none of
// the tries for a card that it did not show.
func TestReadingBeforeTheEvent(t *testing.T) {
	var r readers
	r.observe(fakes.Empty(0))
	before := r.mark()
	r.observe(fakes.Present(1))
	if _, more := r.settled(before, pkcs11.Snapshot{}, time.Millisecond); more || !r.searching() {
		t.Errorf("reads again: %v, searching: %v", more, r.searching())
	}
	for try := range maxTries {
		if _, more := r.settled(r.mark(), pkcs11.Snapshot{}, time.Millisecond); !more {
			t.Errorf("no reading after try %d", try)
		}
	}
	if _, more := r.settled(r.mark(), pkcs11.Snapshot{}, time.Millisecond); more || r.searching() {
		t.Error("never gives up")
	}
}
