package pkcs11

import (
	"context"

	p11 "github.com/miekg/pkcs11"

	"github.com/cpx-bridge/cpx-bridge/internal/audit"
)

// cardSession is a login left open for the next signature, with its session.
type cardSession struct {
	session     p11.SessionHandle
	key         p11.ObjectHandle // as long as the session
	certificate Certificate
	basis       basis // since when the card must not have left
}

// setCardSession notes it; HasCardSession reads that without waiting for the
// module. With the lease held.
func (m *module) setCardSession(k *cardSession) {
	m.cardSession = k
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cardSessionOf = ""
	if k != nil {
		m.cardSessionOf = k.certificate.ID
	}
}

// HasCardSession reports whether there is a card session of that certificate.
// It never waits.
func (p *Pool) HasCardSession(certificateID string) bool {
	for _, m := range p.modules {
		m.mu.Lock()
		id := m.cardSessionOf
		m.mu.Unlock()
		if id != "" && id == certificateID {
			return true
		}
	}
	return false
}

// Lock ends every card session. The cards are reset, so that no other
// program finds them open.
func (p *Pool) Lock(ctx context.Context) error {
	return p.each(ctx, p.modules, p.lock)
}

// lock ends the module's card session. With the lease held.
func (p *Pool) lock(m *module) {
	k := m.cardSession
	if k == nil {
		return
	}
	m.setCardSession(nil)
	if m.driver != nil {
		endSession(m.driver, k.session)
	}
	p.reset(k.certificate.Slot)
}

// stands reports whether the card is still logged in, in the session: it would not be in a
// card that left.
func (k *cardSession) stands(d driver) bool {
	state, err := d.SessionState(k.session)
	return err == nil && (state == p11.CKS_RO_USER_FUNCTIONS || state == p11.CKS_RW_USER_FUNCTIONS)
}

// onSilentSlot reports whether the module's card session is of a slot of which PC/SC says
// nothing, and of no card that a person could pull: not every module ends a session with its
// card, and one that kept the PIN would show it to the next. What a reading would show there
// was proved when the session was opened, and is by the signature; that the token is still
// there, by the session's state. With the lease held.
func (p *Pool) onSilentSlot(m *module) bool {
	k := m.cardSession
	return k != nil && !k.certificate.Slot.Hardware && p.silent(m.lastReading())
}

// signInCardSession signs in the card session. Whatever goes wrong ends it,
// and nothing is tried again: a module that kept the PIN itself would show it to
// the card once more and cost a try.
func (j *job) signInCardSession(d driver, c Certificate) ([]byte, error) {
	k := j.module.cardSession
	if k == nil || k.certificate.ID != c.ID || !sameToken(k.certificate.Slot.Token, c.Slot.Token) {
		return nil, &Error{Op: "login", Path: c.Slot.Module, Kind: ErrNoCardSession}
	}
	if !k.stands(d) {
		j.pool.lock(j.module)
		return nil, &Error{Op: "login", Path: c.Slot.Module, Kind: ErrNoCardSession}
	}
	if j.request.Signing != nil {
		j.request.Signing()
	}
	value, err := j.signed(c, func(data []byte) ([]byte, error) {
		return signWithKey(d, k.session, j.how.mechanism, k.key, data)
	})
	if err != nil {
		j.pool.lock(j.module)
	}
	return value, err
}

// reset locks the card for every program: C_Logout sends nothing to the card
// with the vendor's module and OpenSC. Slots that are no PC/SC readers have no
// card that could be reset.
func (p *Pool) reset(slot Slot) {
	p.pins.closes(slot)
	err := p.resetNow(slot)
	switch {
	case err == nil:
	case noCardToReset(err):
		p.log.Debug("no card to reset", "slot", slot.Description, "error", err)
	default:
		p.log.Warn("the card could not be reset and may stay unlocked until it leaves the reader", "slot", slot.Description, "error", err, audit.Card)
	}
}

// resetNow resets the card in the slot's reader, for a limited time; where the reader
// is not certain, each card that may be the one.
func (p *Pool) resetNow(slot Slot) error {
	defer func() { p.pins.wasReset(slot, p.now()) }()
	type outcome struct {
		names []string
		err   error
	}
	all := p.slotsOf(slot)
	done, ok := within(p, func() outcome {
		readers, err := p.listReaders()
		if err != nil { // the readers are not known: the one of that very name, where there is one
			return outcome{err: p.resetCard(slot.Description)}
		}
		names, err := resetSlot(slot, all, readers, p.resetCard)
		return outcome{names, err}
	})
	if !ok {
		return errPCSCOverdue
	}
	if len(done.names) > 1 {
		p.log.Warn("readers with long names cannot be told apart; the card in each that may be the one was reset", "slot", slot.Description, "readers", done.names)
	}
	return done.err
}
