package agent

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/cpx-bridge/cpx-bridge/pkcs11"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// readers is what PC/SC tells: it says when to look at the cards, and at once
// that one has left, also while its module works. What is on the cards, only
// the modules know.
type readers struct {
	mu    sync.Mutex
	known bool  // the service answers
	err   error // why it does not answer, once it was asked
	ever  bool  // it has answered since the agent's start
	list  []pcsc.Reader
	past  map[string]bool // names of readers that were there: their slots are readers too
	left  map[string]bool // readers whose card left and that were not read since
	again int             // looks since the last event that missed a card
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
	if differs {
		r.again = 0
	}
	for _, name := range left {
		if r.left == nil {
			r.left = map[string]bool{}
		}
		r.left[name] = true
	}
	r.known, r.err, r.list = e.Err == nil, e.Err, e.Readers
	for _, reader := range e.Readers {
		if r.past == nil || len(r.past) >= maxPast {
			r.past = map[string]bool{}
		}
		r.past[reader.Name] = true
	}
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

// maxPast bounds the names that are remembered: a reader gets a new one at each
// place where it is plugged in.
const maxPast = 64

// overlay is what was read, without the cards that have left since by what
// PC/SC tells; waiting tells of a card in a reader that was not read yet.
func (r *readers) overlay(read pkcs11.Snapshot) (now pkcs11.Snapshot, waiting bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.known {
		return read, false
	}
	seen := map[string]bool{}
	for _, slot := range read.Slots {
		switch {
		case r.gone(slot.Description):
			slot.Token, slot.Unrecognized = nil, false
		case slot.Token != nil || slot.Unrecognized:
			seen[slot.Description] = true
		}
		now.Slots = append(now.Slots, slot)
	}
	for _, c := range read.Certificates {
		if !r.gone(c.Slot.Description) {
			now.Certificates = append(now.Certificates, c)
		}
	}
	for _, reader := range r.list {
		read := false
		for description := range seen {
			read = read || pcsc.Same(reader.Name, description)
		}
		waiting = waiting || reader.Present && !read
	}
	return now, waiting
}

// maxAgain is how often a card that a reader holds and no module showed is looked
// for again, after pauses that grow: a module may keep for a while what it saw of
// a reader.
const maxAgain, againFactor = 3, 3

// looked notes that the cards were read after every event so far, and tells how
// soon to look again where a card was missed: no further event would tell.
func (r *readers) looked(read pkcs11.Snapshot, first time.Duration) (pause time.Duration, again bool) {
	r.mu.Lock()
	clear(r.left)
	r.mu.Unlock()
	_, waiting := r.overlay(read)
	r.mu.Lock()
	defer r.mu.Unlock()
	if !waiting || r.again >= maxAgain {
		r.again = maxAgain
		return 0, false
	}
	pause = first
	for range r.again {
		pause *= againFactor
	}
	r.again++
	return pause, true
}

// unsettled tells whether a card that was missed is still looked for.
func (r *readers) unsettled() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.again < maxAgain
}

// looked is called when no look in the background is left.
func (s *Server) looked(ctx context.Context) {
	snapshot, _ := s.cards.Snapshot()
	if pause, again := s.readers.looked(snapshot, s.limits.Missed); again {
		s.log.Debug("a reader holds a card that no module shows; looking again", "after", pause)
		time.AfterFunc(pause, func() {
			if ctx.Err() == nil {
				s.looks.refresh(ctx)
			}
		})
	}
	s.changes.tell()
}

// gone tells that the card that was read in a slot has left, or the reader
// itself. The lock is held.
func (r *readers) gone(description string) bool {
	for _, reader := range r.list {
		if pcsc.Same(reader.Name, description) {
			return !reader.Present || r.left[reader.Name]
		}
	}
	for name := range r.past {
		if pcsc.Same(name, description) {
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
		if !r.has(slot) && r.counts(slot) {
			n++
		}
	}
	return n
}

// counts tells whether a slot stands for something that is there now: a module
// may go on naming a reader that was unplugged. The lock is held.
func (r *readers) counts(slot pkcs11.Slot) bool {
	return r.has(slot) || slot.Token != nil || slot.Hardware && !r.ever
}

// there is what was read, without the cards and readers that have gone since.
func (r *readers) there(read pkcs11.Snapshot) pkcs11.Snapshot {
	now, _ := r.overlay(read)
	r.mu.Lock()
	defer r.mu.Unlock()
	now.Slots = slices.DeleteFunc(slices.Clone(now.Slots), func(slot pkcs11.Slot) bool { return !r.counts(slot) })
	return now
}

// none tells that there is nothing a card could be put in, as far as was heard.
func (r *readers) none(s pkcs11.Snapshot) bool {
	r.mu.Lock()
	heard := r.known || r.err != nil
	r.mu.Unlock()
	return heard && r.count(s) == 0
}

// onDemand tells a service that is not there because no reader is: Windows ends its
// own with the last reader.
func onDemand(err error) bool {
	return runtime.GOOS == "windows" && errors.Is(err, pcsc.ErrNoService)
}

// service is what is wrong with PC/SC itself, "" where it answers.
func (r *readers) service() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil || onDemand(r.err) {
		return ""
	}
	return detailNoService
}

// watchReaders follows PC/SC until ctx ends.
func (s *Server) watchReaders(ctx context.Context) {
	s.watch(ctx, func(e pcsc.Event) {
		left, differs := s.readers.take(e)
		if e.Err != nil && !errors.Is(e.Err, pcsc.ErrNoLibrary) {
			s.log.Info("no PC/SC service; looking for it again", "error", e.Err)
		}
		for _, name := range left {
			s.cardLeft(ctx, name)
		}
		s.changes.tell() // a card that has left is gone from the menu before any look
		if e.Restarted {
			// The vendor's module finds no reader after the service came back
			// until it is initialised again.
			if err := s.cards.Restart(ctx); err != nil && ctx.Err() == nil {
				s.log.Warn("the modules could not be restarted", "error", err)
			}
		}
		if differs {
			s.looks.refresh(ctx)
			s.changes.tell() // one that came is being read
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
		if on(c.ID) && s.cards.HasCardSession(c.ID) {
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
