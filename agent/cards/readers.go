package cards

import (
	"errors"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// readers is what PC/SC reports: it says when to read the cards, and at once that
// one has left, also while its module works. What is on the cards, only the
// modules know.
type readers struct {
	mu      sync.Mutex
	known   bool  // the service answers
	err     error // why it does not answer, once it was asked
	ever    bool  // it has answered since the agent's start
	list    []pcsc.Reader
	past    map[string]bool // names of readers that were there: their slots are readers too
	gone    map[string]bool // readers whose card left and that were not read since
	expired bool            // no card was read since it may have been changed without an event
	tries   int             // readings since the last event that missed a card
	changes int             // events so far that call for a reading
}

// observe notes an event and returns the readers whose card has left since the
// one before, and whether anything differs.
func (r *readers) observe(e pcsc.Event) (emptied []string, differs bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	differs = e.Restarted || r.known != (e.Err == nil) || len(r.list) != len(e.Readers)
	for _, before := range r.list {
		now, there := findReader(e.Readers, before.Name)
		differs = differs || !there || now != before
		// Two changes between two events are a card that was taken out and
		// another one put in.
		if before.Present && (!there || !now.Present || now.Count != before.Count) {
			emptied = append(emptied, before.Name)
		}
	}
	if differs {
		r.tries = 0
		r.changes++
	}
	for _, name := range emptied {
		if r.gone == nil {
			r.gone = map[string]bool{}
		}
		r.gone[name] = true
	}
	r.known, r.err, r.list = e.Err == nil, e.Err, e.Readers
	for _, reader := range e.Readers {
		if r.past == nil || len(r.past) >= maxPast {
			r.past = map[string]bool{}
		}
		r.past[reader.Name] = true
	}
	r.ever = r.ever || r.known
	return emptied, differs
}

// serves reports whether the service answered last.
func (r *readers) serves() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.known
}

// expire makes every card one that may have been changed, until it is read anew. A reading
// that runs says nothing.
func (r *readers) expire() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expired = true
	r.tries = 0
	r.changes++
}

func findReader(list []pcsc.Reader, name string) (pcsc.Reader, bool) {
	for _, r := range list {
		if r.Name == name {
			return r, true
		}
	}
	return pcsc.Reader{}, false
}

// has reports whether a slot that may stand for these is a PC/SC reader. The lock is
// held.
func (r *readers) has(matched []string) bool {
	return len(r.present(matched)) > 0
}

// match gives for each slot of a reading the readers that it may stand for, among
// those that there are and those that there were: one that was unplugged keeps its
// slot from being taken for another reader. The lock is held.
func (r *readers) match(read pkcs11.Snapshot) [][]string {
	var names []string
	for _, reader := range r.list {
		names = append(names, reader.Name)
	}
	for name := range r.past {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return pkcs11.ReadersOf(read.Slots, names)
}

// present are those of the names that are readers now. The lock is held.
func (r *readers) present(names []string) (now []pcsc.Reader) {
	for _, reader := range r.list {
		if slices.Contains(names, reader.Name) {
			now = append(now, reader)
		}
	}
	return now
}

// maxPast bounds the names that are remembered: a reader gets a new one at each
// place where it is plugged in.
const maxPast = 64

// without is what was read, without the cards that have left since by what PC/SC
// reports, or may have been changed; arriving reports a card that was not read yet.
func (r *readers) without(read pkcs11.Snapshot) (now pkcs11.Snapshot, arriving bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var seen [][]string
	removed := map[slotKey]bool{}
	for i, matched := range r.match(read) {
		slot := read.Slots[i]
		switch {
		case r.expired || r.removed(matched):
			arriving = arriving || r.expired && (slot.Token != nil || slot.Unrecognized)
			removed[keyOf(slot)] = true
			slot.Token, slot.Unrecognized, slot.Mute, slot.Contactless = nil, false, false, false
		case slot.Token != nil || slot.Unrecognized:
			seen = append(seen, matched)
		}
		now.Slots = append(now.Slots, slot)
	}
	for _, c := range read.Certificates {
		if !removed[keyOf(c.Slot)] {
			now.Certificates = append(now.Certificates, c)
		}
	}
	return now, arriving || r.arriving(seen)
}

// slotKey is which slot it is.
type slotKey struct {
	module string
	id     uint
}

func keyOf(s pkcs11.Slot) slotKey { return slotKey{s.Module, s.ID} }

// arriving reports whether more readers hold a card than were read, seen being those
// that each card that was read may be in. The lock is held.
func (r *readers) arriving(seen [][]string) bool {
	read := map[string]bool{}
	slices.SortStableFunc(seen, func(a, b []string) int { return len(a) - len(b) })
	for _, names := range seen {
		candidates := r.present(names)
		i := slices.IndexFunc(candidates, func(c pcsc.Reader) bool { return c.Present && !read[c.Name] })
		if i >= 0 {
			read[candidates[i].Name] = true
		}
	}
	return slices.ContainsFunc(r.list, func(c pcsc.Reader) bool { return c.Present && !read[c.Name] })
}

// unread reports that a reader holds a card that was not read, as far as PC/SC says.
func (r *readers) unread(read pkcs11.Snapshot) bool {
	_, arriving := r.without(read)
	return arriving
}

// maxTries is how often a card that a reader holds and no module showed is read
// for again, after pauses that grow: a module may serve for a while what it saw of
// a reader before.
const maxTries, pauseFactor = 3, 3

// mark is what settled takes of a reading that begins now.
func (r *readers) mark() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changes
}

// settled notes that the cards were read, and says how soon to read again where a
// card was missed: no further event would come. A reading that began before the
// last event, by its mark, says nothing: another one follows.
func (r *readers) settled(mark int, read pkcs11.Snapshot, first time.Duration) (pause time.Duration, more bool) {
	r.mu.Lock()
	outdated := mark != r.changes
	if !outdated {
		clear(r.gone)
		r.expired = false
	}
	r.mu.Unlock()
	if outdated {
		return 0, false
	}
	_, arriving := r.without(read)
	r.mu.Lock()
	defer r.mu.Unlock()
	if !arriving || r.tries >= maxTries {
		r.tries = maxTries
		return 0, false
	}
	pause = first
	for range r.tries {
		pause *= pauseFactor
	}
	r.tries++
	return pause, true
}

// searching reports whether a card that was missed is still read for.
func (r *readers) searching() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tries < maxTries
}

// removed reports that the card that was read in a slot has left, or the reader
// itself. Of readers that nothing tells apart, all: else the reading that follows
// tells whose card has left. The lock is held.
//
// Without the service that is known of the readers whose card it took with it, until
// they are read: a module may have another way to them.
func (r *readers) removed(matched []string) bool {
	if len(matched) == 0 {
		return false
	}
	if !r.known {
		return !slices.ContainsFunc(matched, func(name string) bool { return !r.gone[name] })
	}
	return !slices.ContainsFunc(r.present(matched), func(reader pcsc.Reader) bool { return reader.Present && !r.gone[reader.Name] })
}

// removedWith are the slots of a reading whose card has left, as far as is certain,
// when the reader's did.
func (r *readers) removedWith(reader string, read pkcs11.Snapshot) map[slotKey]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	slots := map[slotKey]bool{}
	for i, matched := range r.match(read) {
		if slices.Contains(matched, reader) && r.removed(matched) {
			slots[keyOf(read.Slots[i])] = true
		}
	}
	return slots
}

// followed reports whether events are enough to know the slots: PC/SC answers, and
// each slot is one of its readers.
func (r *readers) followed(s pkcs11.Snapshot) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, matched := range r.match(s) {
		if !r.has(matched) {
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
	for i, matched := range r.match(s) {
		if !r.has(matched) && r.counts(s.Slots[i], matched) {
			n++
		}
	}
	return n
}

// counts reports whether a slot stands for something that is there now: a module
// may go on naming a reader that was unplugged. The lock is held.
func (r *readers) counts(slot pkcs11.Slot, matched []string) bool {
	return r.has(matched) || slot.Token != nil || slot.Hardware && !r.ever
}

// remaining is what was read, without the cards and readers that have gone since.
func (r *readers) remaining(read pkcs11.Snapshot) pkcs11.Snapshot {
	now, _ := r.without(read)
	r.mu.Lock()
	defer r.mu.Unlock()
	var counted []pkcs11.Slot
	for i, matched := range r.match(now) {
		if r.counts(now.Slots[i], matched) {
			counted = append(counted, now.Slots[i])
		}
	}
	now.Slots = counted
	return now
}

// none reports that there is nothing a card could be put in, as far as is known.
func (r *readers) none(s pkcs11.Snapshot) bool {
	r.mu.Lock()
	asked := r.known || r.err != nil
	r.mu.Unlock()
	return asked && r.count(s) == 0
}

// onDemand reports a service that is not there because no reader is: Windows ends
// its own with the last reader.
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
	if errors.Is(r.err, pcsc.ErrRefused) {
		return state.NoPermission
	}
	return state.NoService
}

// logService says in the log that the service is away.
func (c *Cards) logService(e pcsc.Event) {
	switch {
	case errors.Is(e.Err, pcsc.ErrRefused):
		c.Logger.Warn("the PC/SC service refuses this session, which is remote or not active: see the rules of polkit", "error", e.Err)
	case e.Err != nil && !errors.Is(e.Err, pcsc.ErrNoLibrary):
		c.Logger.Info("no PC/SC service; trying to reach it again", "error", e.Err)
	}
}
