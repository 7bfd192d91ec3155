package agent

import (
	"context"
	"errors"
	"sync"

	"github.com/cpx-bridge/cpx-bridge/pkcs11"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// readers is what PC/SC tells: it says when to look at the cards, and at once
// that one has left, also while its module works. What is on the cards, only
// the modules know.
type readers struct {
	mu    sync.Mutex
	known bool // the service answers
	ever  bool // it has answered since the agent's start
	list  []pcsc.Reader
}

// take notes an event and returns the readers whose card has left since the
// one before, and whether anything differs.
func (r *readers) take(e pcsc.Event) (left []string, differs bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	differs = e.Restarted || r.known != (e.Err == nil) || len(r.list) != len(e.Readers)
	for _, before := range r.list {
		now, there := findReader(e.Readers, before.Name)
		differs = differs || !there || now != before
		// Two changes between two events are a card that was taken out and
		// another one put in.
		if before.Present && (!there || !now.Present || now.Count != before.Count) {
			left = append(left, before.Name)
		}
	}
	r.known, r.list = e.Err == nil, e.Readers
	r.ever = r.ever || r.known
	return left, differs
}

func findReader(list []pcsc.Reader, name string) (pcsc.Reader, bool) {
	for _, r := range list {
		if r.Name == name {
			return r, true
		}
	}
	return pcsc.Reader{}, false
}

// has tells whether the slot is a PC/SC reader. The lock is held.
func (r *readers) has(slot pkcs11.Slot) bool {
	for _, reader := range r.list {
		if pcsc.Same(reader.Name, slot.Description) {
			return true
		}
	}
	return false
}

// tell tells whether events are enough to know the slots: PC/SC answers, and
// each slot is one of its readers.
func (r *readers) tell(s pkcs11.Snapshot) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, slot := range s.Slots {
		if !r.has(slot) {
			return false
		}
	}
	return r.known
}

// count is the number of PC/SC readers, and of slots that are none and hold an
// initialised token. Where PC/SC never answered, the modules' own word counts.
func (r *readers) count(s pkcs11.Snapshot) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(r.list)
	for _, slot := range s.Slots {
		if !r.has(slot) && (slot.Token != nil || slot.Hardware && !r.ever) {
			n++
		}
	}
	return n
}

// watchReaders follows PC/SC until ctx ends.
func (s *Server) watchReaders(ctx context.Context) {
	s.watch(ctx, func(e pcsc.Event) {
		if e.Err != nil && !errors.Is(e.Err, pcsc.ErrNoLibrary) {
			s.log.Info("no PC/SC service; looking for it again", "error", e.Err)
		}
		left, differs := s.readers.take(e)
		for _, name := range left {
			s.cardLeft(ctx, name)
		}
		if e.Restarted {
			// The vendor's module finds no reader after the service came back
			// until it is initialised again.
			if err := s.cards.Restart(ctx); err != nil && ctx.Err() == nil {
				s.log.Warn("the modules could not be restarted", "error", err)
			}
		}
		if differs {
			s.looks.refresh(ctx)
		}
	})
}

// cardLeft tells the pages and the login that use a card of the reader. It does
// not wait for the module, which may be at work for seconds.
func (s *Server) cardLeft(ctx context.Context, reader string) {
	snapshot, _ := s.cards.Snapshot()
	on := func(id string) bool {
		for _, c := range snapshot.Certificates {
			if c.ID == id && pcsc.Same(reader, c.Slot.Description) {
				return true
			}
		}
		return false
	}
	s.tellRemoved(on)
	s.waits.left(on)
	for _, c := range snapshot.Certificates {
		if on(c.ID) && s.cards.Kept(c.ID) {
			go s.lock(ctx, "the card was removed")
		}
	}
}

// waits knows the certificates that the person is being asked about, so that
// the dialogs close when their card goes.
type waits struct {
	mu   sync.Mutex
	open map[*wait]bool
}

type wait struct {
	ids []string
	end context.CancelCauseFunc
}

// begin gives a context that ends with ErrCardRemoved when the card of one of
// the certificates leaves.
func (w *waits) begin(ctx context.Context, ids ...string) (context.Context, func()) {
	ctx, end := context.WithCancelCause(ctx)
	entry := &wait{ids: ids, end: end}
	w.mu.Lock()
	if w.open == nil {
		w.open = map[*wait]bool{}
	}
	w.open[entry] = true
	w.mu.Unlock()
	return ctx, func() {
		w.mu.Lock()
		delete(w.open, entry)
		w.mu.Unlock()
		end(nil)
	}
}

func (w *waits) left(gone func(id string) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for entry := range w.open {
		for _, id := range entry.ids {
			if gone(id) {
				entry.end(pkcs11.ErrCardRemoved)
				break
			}
		}
	}
}
