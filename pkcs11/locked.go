package pkcs11

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// A token that says that its PIN is locked may mean something else: the vendor's
// module asks the card how many tries are left, takes the answer of a card that any
// program has shown the PIN for "none", and sets CKF_USER_PIN_LOCKED. CK_TOKEN_INFO
// has no count, and a card that is locked for good sets nothing more with any module.
// So the flag alone proves nothing. What does, is a card that still says so after a
// reset, one that took a wrong PIN just before, and a module that is known to count.

// pinFacts is what is known of cards' PINs beyond their flags. Its methods may be
// called concurrently.
type pinFacts struct {
	mu     sync.Mutex
	ours   map[string]openedCard // by reader, the cards that this pool itself has shown the PIN
	locked map[Token]bool        // cards whose lock was proved, by what names them
	resets map[string]time.Time  // by reader, when this pool last reset the card in it
}

type openedCard struct {
	module string
	token  Token
}

// named is what names a card, whatever it says of its PIN.
func (t Token) named() Token { return Token{Label: t.Label, Serial: t.Serial} }

// opens notes that the PIN is about to be shown to the card.
func (f *pinFacts) opens(slot Slot) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ours == nil {
		f.ours = map[string]openedCard{}
	}
	f.ours[slot.Description] = openedCard{slot.Module, slot.Token.named()}
}

// closes notes that the card forgot the PIN.
func (f *pinFacts) closes(slot Slot) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.ours, slot.Description)
}

// proves notes that the card is locked, whatever else its flag may mean.
func (f *pinFacts) proves(t *Token) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.locked == nil {
		f.locked = map[Token]bool{}
	}
	f.locked[t.named()] = true
	t.MaybeInUse = false
}

// interpret says what the flag of a token that was just read means; counts reports a module
// that says so of no other card than one without a try.
func (f *pinFacts) interpret(slot *Slot, counts bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := slot.Token
	if !t.PINLocked {
		delete(f.locked, t.named())
		return
	}
	// Two modules may name a card differently, so only the same one compares names.
	if open, is := f.ours[slot.Description]; is && (open.module != slot.Module || open.token == t.named()) {
		t.PINLocked, t.openForUs = false, true
		return
	}
	t.MaybeInUse = !counts && !f.locked[t.named()]
}

// settling is how long after a reset by this pool a card may be said to be missing.
const settling = 2 * time.Second

func (f *pinFacts) wasReset(slot Slot, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.resets == nil {
		f.resets = map[string]time.Time{}
	}
	f.resets[slot.Description] = now
}

func (f *pinFacts) settles(slot Slot, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	at, is := f.resets[slot.Description]
	return is && now.Sub(at) < settling
}

// read is the token in a slot, with what its flags mean. With the lease held.
func (p *Pool) readSlot(m *module, id uint) (Slot, bool, error) {
	slot, ok, err := readSlot(m, id)
	if err == nil && slot.Token != nil {
		p.pins.interpret(&slot, slot.Token.PINLocked && countsTries(m))
	}
	return slot, ok, err
}

// countingModules are the manufacturers of modules whose source says that they count
// the tries: theirs set CKF_USER_PIN_LOCKED for no card that is open.
var countingModules = []string{"OpenSC Project"}

func countsTries(m *module) bool {
	info, err := m.driver.Info() // no card is asked
	return err == nil && slices.Contains(countingModules, trim(info.ManufacturerID))
}

// free finds out what a card means that says that its PIN is locked: it is reset,
// which shuts out whoever has it open, and read once more. Only for a login that a
// person asked for, and once in it, as Request.MayReset says; never while a dialog
// asks for the PIN. No try is spent. With the lease held.
func (p *Pool) free(m *module, c Certificate, r Request) (Certificate, error) {
	err := refusal(c)
	if !errors.Is(err, ErrPINLocked) || r.MayReset == nil || countsTries(m) || !r.MayReset() {
		return c, err
	}
	if err := p.resetNow(c.Slot); err != nil {
		// Not so where there is no PC/SC card: what cannot be reset says what it means.
		if noCardToReset(err) {
			p.pins.proves(c.Slot.Token)
			return c, refusal(c)
		}
		p.log.Warn("a card that says that its PIN is locked cannot be reset: another program may have it for itself", "slot", c.Slot.Description, "error", err)
		return c, &Error{Op: "reset", Path: c.Slot.Module, Kind: ErrCardInUse}
	}
	now, err := p.freshSlot(m, c.Slot)
	if err != nil {
		return c, err
	}
	if c.Slot = now; now.Token.PINLocked {
		p.pins.proves(now.Token)
		p.tokenRead(m, now)
	} else {
		p.log.Info("a card that said that its PIN is locked was open for another program, and was reset for this login", "slot", now.Description)
	}
	return c, refusal(c)
}

// errFreed says that a card which would not take the PIN takes it now: the person is
// asked once more, because the first entry is gone and none is made twice.
var errFreed = errors.New("pkcs11: the card was open for another program and was reset; the PIN must be asked for again")

// freed is an error of C_Login that says that the PIN is locked: errFreed where that
// was said of a card that another program had open. With the lease held.
func (j *job) freed(c Certificate, err error) error {
	if !errors.Is(err, ErrPINLocked) || j.request.MayReset == nil {
		return err
	}
	token := *c.Slot.Token
	token.PINLocked, token.MaybeInUse = true, true
	c.Slot.Token = &token
	j.closeSession()
	if _, freeErr := j.pool.free(j.module, c, j.request); freeErr != nil {
		return err
	}
	return errFreed
}

func noCardToReset(err error) bool {
	return errors.Is(err, pcsc.ErrNoLibrary) || errors.Is(err, pcsc.ErrNoService) || errors.Is(err, pcsc.ErrUnknownReader)
}
