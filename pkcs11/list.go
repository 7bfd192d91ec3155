package pkcs11

import (
	"crypto/x509"
	"errors"
	"slices"
	"strings"

	p11 "github.com/miekg/pkcs11"
)

// read lists a module's slots and certificates. With the lease held.
func (p *Pool) read(m *module) *reading {
	// What PC/SC says from here on, the reading may not have seen.
	b := p.basis()
	r := p.readOnBasis(m, b)
	r.number = p.readings.Add(1)
	m.setOlder(false)
	if r.err != nil {
		m.setReading(nil)
		return r
	}
	if found := m.foundStaleCache(); found != nil && found.cured(r) {
		m.setStaleCache(nil)
	}
	if p.now().Sub(m.opened) > lastRestart {
		m.worked() // a reading alone proves little: a module may crash in each login
	}
	m.setReading(r)
	return r
}

func (p *Pool) readOnBasis(m *module, b basis) *reading {
	if m.foundStaleCache() != nil && m.cardSession == nil {
		p.reopen(m) // or it would not see that its cache was emptied
	}
	if err := p.ready(m); err != nil {
		return &reading{err: err}
	}
	r := p.readRepeatably(m, b)
	if m.driver.Gone() && !errors.Is(r.err, ErrModuleHangs) {
		// A process that ended, perhaps before this reading began. A reading sends
		// nothing that counts, so it may be made again, once.
		p.setAside(m)
		if err := p.ready(m); err != nil {
			return &reading{err: errors.Join(r.err, err)}
		}
		r = p.readSlots(m, b)
	}
	return r
}

// readRepeatably is the last such reading where the module's process says that nothing
// differs, else a new one.
func (p *Pool) readRepeatably(m *module, b basis) *reading {
	d, can := m.driver.(rereading)
	if !can {
		return p.readSlots(m, b)
	}
	before := m.repeatable
	m.repeatable = nil
	if before != nil && before.driver == m.driver && before.basis.sameSilence(b) {
		same, err := d.repeat()
		if err != nil {
			return &reading{err: err} // how the process ended: the next call would say that it has
		}
		if same {
			m.repeatable = before
			now := *before
			now.basis = b
			return &now
		}
	}
	end := d.record()
	r := p.readSlots(m, b)
	end()
	if r.err == nil && r.repeatable() {
		unchanged := *r
		m.repeatable = &unchanged
	}
	return r
}

// merge makes one snapshot of what the modules showed.
func (p *Pool) merge(readings []*reading) (Snapshot, error) {
	var s Snapshot
	var errs []error
	worked := false
	for _, r := range readings {
		if r.err != nil {
			errs = append(errs, r.err)
			continue
		}
		worked = true
		s.Slots = append(s.Slots, r.slots...)
		for _, c := range r.certificates {
			// The same certificate through two modules is one.
			if !slices.ContainsFunc(s.Certificates, func(x Certificate) bool { return x.ID == c.ID }) {
				c.Reason = p.reasonNow(c)
				s.Certificates = append(s.Certificates, c)
			}
		}
	}
	if worked {
		return s, nil
	}
	if len(errs) == 0 {
		return s, &Error{Op: "no module is configured, and none is in a known place", Kind: ErrNoModule}
	}
	return s, errors.Join(errs...)
}

// maxSlots bounds a module's list of slots; PC/SC has 16 readers.
const maxSlots = 256

// slots are the module's slots, each once: what follows knows each by its number, and
// the list of a module that has run wild may say anything.
func (p *Pool) slots(m *module) ([]uint, error) {
	named, err := m.driver.Slots()
	var ids []uint
	seen := map[uint]bool{}
	for _, id := range named {
		if !seen[id] && len(ids) < maxSlots {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	if len(ids) < len(named) {
		p.log.Warn("the module names slots twice, or too many", "module", m.path, "named", len(named), "read", len(ids))
	}
	return ids, err
}

func (p *Pool) readSlots(m *module, b basis) *reading {
	ids, err := p.slots(m)
	if err != nil {
		return &reading{err: err}
	}
	r := &reading{basis: b, driver: m.driver}
	var failed error
	unread := false // some object, that another reading may show
	empty := map[uint]bool{}
	for _, id := range ids {
		slot, ok, err := p.readSlot(m, id)
		if err == nil && ok {
			slot = p.withForeignCard(m, slot)
		}
		if err != nil {
			if mute, is := p.muteSlot(m, id, r.slots); is {
				slot, ok, err = mute, true, nil
			}
		}
		if err == nil && slot.Token != nil {
			var found []Certificate
			var offered map[uint]bool
			var all bool
			found, offered, all, err = p.readCertificates(m, slot)
			r.noteMechanisms(id, offered)
			slot, found = p.ifContactless(m, slot, found)
			r.certificates = append(r.certificates, found...)
			unread = unread || !all
			empty[id] = err == nil && len(found) == 0 && slot.Token.loginRequired && !slot.Contactless
		}
		if slot.Token != nil {
			slot.Failure = err
		}
		if ok {
			r.slots = append(r.slots, slot)
		}
		if m.driver.Gone() {
			if err == nil {
				_, err = m.driver.Info() // how it ended
			}
			return &reading{err: errors.Join(&Error{Op: "the module's process ended during a reading", Path: m.path, Kind: ErrModuleFailed}, err)}
		}
		if err != nil {
			failed = err
			p.log.Warn("slot cannot be read", "module", m.path, "slot", id, "error", err)
		}
	}
	if len(r.slots) == 0 && failed != nil {
		return &reading{err: failed} // not "no reader": that is not known
	}
	r.hide(empty)
	// A card that came before its event has: the event would be taken for its removal.
	r.clean = failed == nil && !unread
	r.complete = r.clean && r.covers() && p.still(b)
	return r
}

// hide marks the slots, of those that are empty of certificates, whose card shows none
// in another slot either: some modules make a slot of each PIN.
func (r *reading) hide(empty map[uint]bool) {
	for i := range r.slots {
		slot := &r.slots[i]
		slot.Hidden = slot.Token != nil && empty[slot.ID] && !slices.ContainsFunc(r.certificates, func(c Certificate) bool {
			return c.Slot.Token.Serial == slot.Token.Serial || c.Slot.Description == slot.Description
		})
	}
}

// readSlot is false for a slot that is neither a reader nor an initialised
// token, such as SoftHSM's free one.
func readSlot(m *module, id uint) (Slot, bool, error) {
	info, err := m.driver.SlotInfo(id)
	if err != nil {
		return Slot{}, false, err
	}
	s := Slot{Module: m.path, ID: id, Description: trim(info.SlotDescription), Hardware: info.Flags&p11.CKF_HW_SLOT != 0}
	if info.Flags&p11.CKF_TOKEN_PRESENT == 0 {
		return s, s.Hardware, nil
	}
	token, err := m.driver.TokenInfo(id)
	switch {
	case isCKR(err, p11.CKR_TOKEN_NOT_RECOGNIZED):
		s.Unrecognized = true
		return s, true, nil
	case errors.Is(err, ErrCardRemoved):
		return s, s.Hardware, nil
	case err != nil:
		return s, false, err
	case token.Flags&p11.CKF_TOKEN_INITIALIZED == 0:
		return s, s.Hardware, nil
	}
	s.Token = &Token{
		Label: trim(token.Label), Manufacturer: trim(token.ManufacturerID), Model: trim(token.Model), Serial: trim(token.SerialNumber),
		MinPIN: pinLength(token.MinPinLen), MaxPIN: pinLength(token.MaxPinLen),
		PINCountLow:   token.Flags&p11.CKF_USER_PIN_COUNT_LOW != 0,
		PINFinalTry:   token.Flags&p11.CKF_USER_PIN_FINAL_TRY != 0,
		PINLocked:     token.Flags&p11.CKF_USER_PIN_LOCKED != 0,
		PINNotSet:     token.Flags&p11.CKF_USER_PIN_INITIALIZED == 0,
		PINExpired:    token.Flags&p11.CKF_USER_PIN_TO_BE_CHANGED != 0,
		ProtectedPath: token.Flags&p11.CKF_PROTECTED_AUTHENTICATION_PATH != 0,
		loginRequired: token.Flags&p11.CKF_LOGIN_REQUIRED != 0,
	}
	return s, true, nil
}

// pinLength is 0 where the module does not know: CK_UNAVAILABLE_INFORMATION is
// all ones in a CK_ULONG, which has 32 bits on Windows.
func pinLength(n uint) int {
	if n > 255 {
		return 0
	}
	return int(n)
}

func (p *Pool) validity(c *x509.Certificate) Reason {
	switch now := p.now(); {
	case now.Before(c.NotBefore):
		return NotYetValid
	case now.After(c.NotAfter):
		return Expired
	}
	return Usable
}

// reasonNow is the reason of a certificate that was read a while ago.
func (p *Pool) reasonNow(c Certificate) Reason {
	switch c.Reason {
	case Usable, NotYetValid, Expired:
		return p.validity(c.X509)
	}
	return c.Reason
}

func isTrue(value []byte) bool { return len(value) == 1 && value[0] != 0 }

// trim takes off the padding: blanks by the standard, NULs with some modules.
func trim(s string) string { return strings.Trim(s, " \x00") }
