package pkcs11

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// Observe notes what PC/SC said. Whoever watches the readers calls it
// with every event, also those with an error, before anything else is done with
// it: as long as nothing is said to have changed, a reading holds, and a login
// reads nothing again. A pool that observes nothing reads for each login. It
// never waits for a module.
func (p *Pool) Observe(e pcsc.Event) { p.observed.note(e) }

// Expire ends every reading: a card may have been changed without an event, as while the
// machine slept or the session was disconnected. A login reads the cards anew. It never
// waits for a module.
func (p *Pool) Expire() { p.observed.expire() }

// observed is what PC/SC said last.
type observed struct {
	mu      sync.Mutex
	known   bool // the service answers, and no event was lost since
	epoch   uint64
	last    uint64 // the last phase that was numbered
	readers []readerPhase
}

// readerPhase is a reader while nothing happens to it. Its number is another one
// when a card came or went, when the reader itself did, although it came back
// under its name and with its count, and after the service was away.
type readerPhase struct {
	pcsc.Reader
	number uint64
}

func (o *observed) note(e pcsc.Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	before := o.readers
	if e.Err != nil || e.Restarted || !o.known {
		// The counts of another run of the service say nothing about this one's.
		o.epoch++
		before = nil
	}
	o.known, o.readers = e.Err == nil, nil
	for _, reader := range e.Readers {
		o.last++
		now := readerPhase{reader, o.last}
		for _, b := range before {
			if b.Reader == reader {
				now.number = b.number
			}
		}
		o.readers = append(o.readers, now)
	}
}

// correct notes what the service itself says of a reader, where no event has said so. The event
// is on its way, or was lost: then every login would fail by a change of long ago, until the
// card moves again. No reading holds that stands on the reader's state of before.
func (o *observed) correct(now pcsc.Reader) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i, r := range o.readers {
		if r.Name == now.Name && r.Reader != now {
			o.last++
			o.readers = slices.Clone(o.readers) // readings hold the slice of before
			o.readers[i] = readerPhase{now, o.last}
			return
		}
	}
}

// expire leaves what PC/SC said, but for the numbers: the readers are those that they were
// only as far as a new reading says.
func (o *observed) expire() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.epoch++
	renewed := make([]readerPhase, len(o.readers))
	for i, r := range o.readers {
		o.last++
		renewed[i] = readerPhase{r.Reader, o.last}
	}
	o.readers = renewed // readings hold the slice of before
}

// basis is what a reading stands on: what PC/SC had said before it began, and how
// long the computer had slept until then.
type basis struct {
	known   bool
	epoch   uint64
	readers []readerPhase
	slept   time.Duration
}

func (p *Pool) basis() basis {
	slept := p.slept()
	o := &p.observed
	o.mu.Lock()
	defer o.mu.Unlock()
	return basis{known: o.known, epoch: o.epoch, readers: o.readers, slept: slept} // the slice is replaced, never changed
}

// shortSleep is less than anybody takes to change a card, and more than two
// clocks differ by when they are read one after the other.
const shortSleep = 200 * time.Millisecond

// comparable reports whether nothing could happen between the two without an
// event.
func (b basis) comparable(now basis) bool {
	return b.known && now.known && b.epoch == now.epoch && now.slept-b.slept < shortSleep
}

// same reports whether no reader and no card came or went between the two.
func (b basis) same(now basis) bool {
	if !b.comparable(now) || len(b.readers) != len(now.readers) {
		return false
	}
	for i := range b.readers {
		if b.readers[i].number != now.readers[i].number {
			return false
		}
	}
	return true
}

// confirmed is the module's last reading where it holds, and the service itself
// says that its readers are as then: the event of a card that was just changed may
// still be on its way. No card is asked.
func (p *Pool) confirmed(m *module) *reading {
	r := p.holding(m)
	if r == nil || !p.still(r.basis) {
		return nil
	}
	return p.holding(m) // asking took its time
}

// still reports whether the service itself says that its readers are as then.
func (p *Pool) still(b basis) bool {
	for _, reader := range b.readers {
		state, err := p.stateOf(reader.Name)
		if err != nil {
			return false
		}
		if state != reader.Reader {
			p.observed.correct(state)
			return false
		}
	}
	return true
}

// A service that hangs must not hold up a login that was given up, nor the lease of
// a module: what it did not answer in time is not known.
const (
	pcscLimit   = 2 * time.Second
	pcscPending = 4 // questions that may be without an answer at a time
)

var errPCSCOverdue = errors.New("pkcs11: the PC/SC service does not answer in time")

// stateOf asks PC/SC for a reader, for a limited time.
func (p *Pool) stateOf(reader string) (pcsc.Reader, error) {
	type answer struct {
		state pcsc.Reader
		err   error
	}
	a, ok := within(p, func() answer {
		state, err := p.readerState(reader)
		return answer{state, err}
	})
	if !ok {
		return pcsc.Reader{}, errPCSCOverdue
	}
	return a.state, a.err
}

// within is the answer of ask, false where it does not come in time.
func within[T any](p *Pool, ask func() T) (answer T, ok bool) {
	select {
	case p.asking <- struct{}{}:
	default:
		return answer, false
	}
	done := make(chan T, 1)
	go func() {
		defer func() { <-p.asking }()
		done <- ask()
	}()
	timer := time.NewTimer(p.pcscLimit)
	defer timer.Stop()
	select {
	case answer = <-done:
		return answer, true
	case <-timer.C:
		return answer, false
	}
}

// presence is what became of a card since a reading.
type presence int

const (
	presenceUnknown presence = iota // it must be read anew
	stayed
	wentOut // also where it is in the reader once more
)

// presence compares the card in the slot with the one of that basis. It asks the
// service itself, because the event of a change may still be on its way; the card
// is not asked.
func (p *Pool) presence(b basis, slot Slot) presence {
	now := p.basis()
	before, is := b.reader(slot, p.slotsOf(slot))
	if !is || !b.comparable(now) {
		return presenceUnknown
	}
	if !slices.ContainsFunc(now.readers, func(r readerPhase) bool { return r.number == before.number }) {
		return wentOut
	}
	state, err := p.stateOf(before.Name)
	switch {
	case errors.Is(err, pcsc.ErrUnknownReader):
		return wentOut
	case err != nil:
		return presenceUnknown
	case state != before.Reader:
		p.observed.correct(state)
		return wentOut
	}
	return stayed
}

// slotsOf are all slots of the module of that slot, as they were last read.
func (p *Pool) slotsOf(slot Slot) []Slot {
	if m := p.module(slot.Module); m != nil {
		if r := m.lastReading(); r != nil {
			return r.slots
		}
	}
	s, _ := p.Snapshot()
	return slices.DeleteFunc(slices.Clone(s.Slots), func(other Slot) bool { return other.Module != slot.Module })
}

// emptied reports whether PC/SC sees no card in any reader that the slot may stand
// for: some modules go on showing one that has left.
func (p *Pool) emptied(slot Slot) bool {
	type answer struct {
		readers []pcsc.Reader
		err     error
	}
	a, ok := within(p, func() answer {
		readers, err := p.listReaders()
		return answer{readers, err}
	})
	if !ok || a.err != nil {
		return false
	}
	candidates := mayBe(slot, p.slotsOf(slot), a.readers)
	return len(candidates) > 0 && !slices.ContainsFunc(candidates, func(r pcsc.Reader) bool { return r.Present })
}

// readerName is the PC/SC name of the slot's reader. Where that is not certain it is
// the description, by which PC/SC knows no reader. It asks PC/SC: see within.
func (p *Pool) readerName(slot Slot, all []Slot) string {
	readers, err := p.listReaders()
	if err != nil {
		return slot.Description
	}
	if found := mayBe(slot, all, readers); len(found) == 1 {
		return found[0].Name
	}
	return slot.Description
}
