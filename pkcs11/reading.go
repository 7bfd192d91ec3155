package pkcs11

import (
	"context"
	"maps"
	"slices"
)

// reading is what one module showed, and what that stands on. It is never changed:
// what is learned of a token afterwards makes another one.
type reading struct {
	slots        []Slot
	certificates []Certificate
	err          error

	basis    basis
	driver   driver // the process that showed it
	complete bool   // each slot is a PC/SC reader, and each card in a reader was read
	clean    bool   // nothing was there that another reading may show better
	number   uint64 // of the readings of all modules, the later the higher
	offered  map[uint]map[uint]bool
}

// holds reports whether what was read is so still, by all that PC/SC says.
func (p *Pool) holds(r *reading) bool {
	return r != nil && r.err == nil && r.complete && !r.driver.Gone() && r.basis.same(p.basis())
}

// holding is the module's last reading where it holds, or nil. It does not wait
// for the module.
func (p *Pool) holding(m *module) *reading {
	r := m.lastReading()
	if !p.holds(r) {
		return nil
	}
	return r
}

func (m *module) lastReading() *reading {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.reading
}

// setReading notes the module's last reading; nil where nothing must stand on
// it any more. With the lease held.
func (m *module) setReading(r *reading) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reading = r
}

// covers reports whether a reading can hold at all: slots that are no PC/SC
// readers change without an event, and a card that the module did not see yet
// may be seen next time.
func (r *reading) covers() bool {
	seen := map[string]bool{}
	matched := r.basis.readersOf(r.slots)
	for i, slot := range r.slots {
		if len(matched[i]) == 0 || len(matched[i]) > 1 && (slot.full() || slices.ContainsFunc(matched[i], holdsCard)) {
			return false // of empty readers it does not matter which it is
		}
		reader := matched[i][0]
		if slot.Token != nil || slot.Unrecognized {
			seen[reader.Name] = true
		}
	}
	for _, reader := range r.basis.readers {
		if reader.Present && !seen[reader.Name] {
			return false
		}
	}
	return len(r.slots) > 0
}

// repeatable reports whether the same answers of the module would make the same reading:
// nothing in it is what PC/SC said, of which the module knows nothing, nor what this pool
// knows of a PIN.
func (r *reading) repeatable() bool {
	for i, readers := range r.basis.readersOf(r.slots) {
		slot := r.slots[i]
		if slot.Hardware && !r.basis.known {
			return false // it may be a reader whose card comes and goes unheard
		}
		if len(readers) > 0 || slot.Unrecognized || slot.Contactless || slot.Failure != nil || slot.Token != nil && (slot.Token.PINLocked || slot.Token.openForUs) {
			return false
		}
	}
	return r.clean
}

// sameSilence reports whether PC/SC said as little of the readers then as now.
func (b basis) sameSilence(now basis) bool { return !b.known && !now.known || b.same(now) }

// with is the reading with what was read of one token since.
func (r *reading) with(now Slot) *reading {
	changed := *r
	changed.slots = slices.Clone(r.slots)
	for i := range changed.slots {
		if changed.slots[i].ID == now.ID {
			changed.slots[i] = now
		}
	}
	changed.certificates = slices.Clone(r.certificates)
	for i := range changed.certificates {
		if changed.certificates[i].Slot.ID == now.ID {
			changed.certificates[i].Slot = now
		}
	}
	return &changed
}

// noteMechanisms notes what a token offers, where the reading asked.
func (r *reading) noteMechanisms(slot uint, offered map[uint]bool) {
	if offered == nil {
		return
	}
	if r.offered == nil {
		r.offered = map[uint]map[uint]bool{}
	}
	r.offered[slot] = offered
}

// withMechanisms is the reading with what the slot's token offers.
func (r *reading) withMechanisms(slot uint, offered map[uint]bool) *reading {
	changed := *r
	changed.offered = maps.Clone(r.offered)
	if changed.offered == nil {
		changed.offered = map[uint]map[uint]bool{}
	}
	changed.offered[slot] = offered
	return &changed
}

// tokenRead notes what the token in a slot is now, in the module's reading and in
// the snapshot. Another card than the one that was read drops the reading. With
// the lease held.
func (p *Pool) tokenRead(m *module, now Slot) {
	r := m.lastReading()
	if r == nil {
		return
	}
	for _, before := range r.slots {
		if before.ID == now.ID && sameToken(before.Token, now.Token) {
			now.Hidden, now.Failure = before.Hidden, before.Failure
			m.setReading(r.with(now))
			p.mu.Lock()
			defer p.mu.Unlock()
			p.snapshot = p.snapshot.with(now)
			return
		}
	}
	m.setReading(nil)
}

// keyMissing notes that a login found no key for the certificate, in the module's
// reading and in the snapshot. With the lease held.
func (p *Pool) keyMissing(m *module, c Certificate) {
	without := func(before []Certificate) []Certificate {
		list := slices.Clone(before)
		for i := range list {
			if list[i].ID == c.ID && list[i].Slot.Module == c.Slot.Module {
				list[i].Reason = NoKey
			}
		}
		return list
	}
	r := m.lastReading()
	if r == nil {
		return
	}
	changed := *r
	changed.certificates = without(r.certificates)
	m.setReading(&changed)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.snapshot.Certificates = without(p.snapshot.Certificates)
}

func sameToken(a, b *Token) bool {
	return a != nil && b != nil && a.Serial == b.Serial && a.Label == b.Label
}

func (s Snapshot) with(now Slot) Snapshot {
	is := func(slot Slot) bool {
		return slot.Module == now.Module && slot.ID == now.ID && sameToken(slot.Token, now.Token)
	}
	s.Slots, s.Certificates = slices.Clone(s.Slots), slices.Clone(s.Certificates)
	for i := range s.Slots {
		if is(s.Slots[i]) {
			s.Slots[i] = now
		}
	}
	for i := range s.Certificates {
		if is(s.Certificates[i].Slot) {
			s.Certificates[i].Slot = now
		}
	}
	return s
}

// Current is what the modules show, without asking a card where nothing has
// changed since it was read: the last reading of each module where it holds, and
// a new one of every other. Only beside a card session on a token of which PC/SC says
// nothing may other such tokens be older: what came or went there is seen by List, by a
// login with a PIN, and once the session has ended. It fails as List does.
func (p *Pool) Current(ctx context.Context) (Snapshot, error) {
	return p.refresh(ctx, p.confirmed, func(m *module) *reading {
		if r := p.sessionReading(m); r != nil {
			m.setOlder(true)
			return r
		}
		return p.read(m)
	})
}

// List reads all modules, whatever is known of them. It fails with ErrNoModule
// where none works, and with the module's own error where the only one fails.
func (p *Pool) List(ctx context.Context) (Snapshot, error) {
	return p.refresh(ctx, func(*module) *reading { return nil }, p.read)
}

// sessionReading is the module's last reading while a card session stands that is on a slot of
// which PC/SC says nothing, or nil: the session is the proof that its own token is still there. It
// is none of tokens beside that, nor of anybody's tries, and no PIN is asked for on such a reading:
// see fresh. With the lease held.
func (p *Pool) sessionReading(m *module) *reading {
	r := m.lastReading()
	if !p.onSilentSlot(m) || r.driver != m.driver || !m.cardSession.stands(m.driver) {
		return nil
	}
	return r
}

func (m *module) setOlder(older bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.older = older
}

// fresh reports whether no Current has rested on a card session since the module was read.
func (m *module) fresh() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return !m.older
}

// silent reports whether PC/SC says nothing of the reading's slots, then and now.
func (p *Pool) silent(r *reading) bool {
	return r != nil && r.repeatable() && r.basis.sameSilence(p.basis())
}

// refresh reads the modules of which usable has no reading.
func (p *Pool) refresh(ctx context.Context, usable, anew func(*module) *reading) (Snapshot, error) {
	done := make(chan struct{})
	var err error
	go func() { // a reading that nobody waits for any more still becomes the snapshot
		defer close(done)
		readings := make([]*reading, len(p.modules))
		var outdated []*module
		for i, m := range p.modules {
			if readings[i] = usable(m); readings[i] == nil {
				outdated = append(outdated, m)
			}
		}
		err = p.readModules(context.WithoutCancel(ctx), outdated, usable, anew, readings)
	}()
	select {
	case <-done:
		s, _ := p.Snapshot()
		return s, err
	case <-ctx.Done():
		return Snapshot{}, context.Cause(ctx)
	}
}

// readModules reads those modules, and publishes all readings. One that does not
// open is said to hang, and hides no card of the others.
func (p *Pool) readModules(ctx context.Context, outdated []*module, usable, anew func(*module) *reading, readings []*reading) error {
	read := func(m *module) *reading {
		if r := usable(m); r != nil { // another caller may have read it meanwhile
			return r
		}
		return anew(m)
	}
	note := func(a attended) { readings[slices.Index(p.modules, a.module)] = a.reading }
	overdue, rest, err := p.attend(ctx, outdated, read, note, func() bool { return slices.ContainsFunc(readings, (*reading).hasCard) })
	if err != nil {
		return err
	}
	for _, m := range overdue {
		note(attended{module: m, reading: &reading{err: p.hanging(m)}})
	}
	if len(overdue) > 0 {
		p.later(func() {
			for range overdue {
				<-rest
			}
			p.opened()
		})
	}
	return p.publish(readings)
}

// hasCard reports whether the module showed a card that it knows.
func (r *reading) hasCard() bool {
	return r != nil && r.err == nil && slices.ContainsFunc(r.slots, func(s Slot) bool { return s.Token != nil })
}

// publish makes the readings of all modules the snapshot; where a module was read
// once more meanwhile, that counts.
func (p *Pool) publish(readings []*reading) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, m := range p.modules {
		if last := m.lastReading(); last != nil && last.number >= readings[i].number {
			readings[i] = last
		}
	}
	s, err := p.merge(readings)
	p.snapshot, p.known = s, true
	return err
}
