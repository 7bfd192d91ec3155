package pkcs11

import (
	"context"
	"errors"

	p11 "github.com/miekg/pkcs11"

	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// kept is a login left open for the next signature, with its session.
type kept struct {
	session     p11.SessionHandle
	certificate Certificate
}

// keep notes the login; Kept reads it without waiting for the module.
func (m *module) keep(k *kept) {
	m.kept = k
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keptID = ""
	if k != nil {
		m.keptID = k.certificate.ID
	}
}

// Kept tells whether a login with that certificate was kept. It never waits.
func (p *Pool) Kept(certificateID string) bool {
	for _, m := range p.modules {
		m.mu.Lock()
		id := m.keptID
		m.mu.Unlock()
		if id != "" && id == certificateID {
			return true
		}
	}
	return false
}

// Lock ends every login that was kept. The cards are reset, so that no other
// program finds them open.
func (p *Pool) Lock(ctx context.Context) error {
	return p.each(ctx, p.lock)
}

// lock ends the module's kept login. Under turn.
func (p *Pool) lock(m *module) {
	k := m.kept
	if k == nil {
		return
	}
	m.keep(nil)
	if m.driver != nil {
		_ = m.driver.Logout(k.session)
		_ = m.driver.CloseSession(k.session)
	}
	p.reset(k.certificate.Slot)
}

// signKept signs with the login that was kept. Whatever goes wrong ends it, and
// nothing is tried again: a module that kept the PIN itself would show it to
// the card once more and cost a try.
func (j *job) signKept(d driver, c Certificate) ([]byte, error) {
	k := j.module.kept
	if k == nil || k.certificate.ID != c.ID || k.certificate.Slot.Token.Serial != c.Slot.Token.Serial {
		return nil, &Error{Op: "login", Path: c.Slot.Module, Kind: ErrNotKept}
	}
	state, err := d.SessionState(k.session)
	if err != nil || (state != p11.CKS_RO_USER_FUNCTIONS && state != p11.CKS_RW_USER_FUNCTIONS) {
		j.pool.lock(j.module)
		return nil, errors.Join(&Error{Op: "login", Path: c.Slot.Module, Kind: ErrNotKept}, err)
	}
	if j.request.Signing != nil {
		j.request.Signing()
	}
	value, _, err := j.signWith(d, k.session, c)
	if err != nil {
		j.pool.lock(j.module)
	}
	return value, err
}

// reset locks the card for every program: C_Logout sends nothing to the card
// with the vendor's module and OpenSC. Slots that are no PC/SC readers have no
// card that could be reset.
func (p *Pool) reset(slot Slot) {
	err := p.resetCard(slot.Description)
	switch {
	case err == nil:
	case errors.Is(err, pcsc.ErrNoLibrary) || errors.Is(err, pcsc.ErrNoService) || errors.Is(err, pcsc.ErrUnknownReader):
		p.log.Debug("no card to reset", "slot", slot.Description, "error", err)
	default:
		p.log.Warn("the card could not be reset and may stay unlocked until it leaves the reader", "slot", slot.Description, "error", err)
	}
}
