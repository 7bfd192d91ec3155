package pkcs11

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"slices"
	"strings"

	p11 "github.com/miekg/pkcs11"

	"github.com/cpx-bridge/cpx-bridge/internal/authcert"
)

// List reads all modules. It fails with ErrNoModule where none works, and
// with the module's own error where the only one fails.
func (p *Pool) List(ctx context.Context) (Snapshot, error) {
	views := make([]view, len(p.modules))
	done := make(chan struct{})
	var err error
	go func() { // a reading that nobody waits for any more still becomes the snapshot
		defer close(done)
		err = p.each(context.WithoutCancel(ctx), func(m *module) {
			for i := range p.modules {
				if p.modules[i] == m {
					views[i] = p.read(m)
				}
			}
		})
		if err == nil {
			s, mergeErr := merge(views)
			err = mergeErr
			p.mu.Lock()
			p.snapshot, p.known = s, true
			p.mu.Unlock()
		}
	}()
	select {
	case <-done:
		s, _ := p.Snapshot()
		return s, err
	case <-ctx.Done():
		return Snapshot{}, context.Cause(ctx)
	}
}

// view is what one module showed.
type view struct {
	slots        []Slot
	certificates []Certificate
	err          error
}

// read lists a module's slots and certificates. With the lease held.
func (p *Pool) read(m *module) view {
	if err := p.ready(m); err != nil {
		return view{err: err}
	}
	v := p.readSlots(m)
	if m.driver.Gone() && !errors.Is(v.err, errLimit) {
		// A process that ended, perhaps before this reading began. A reading sends
		// nothing that counts, so it may be made again, once.
		p.setAside(m)
		if err := p.ready(m); err != nil {
			return view{err: errors.Join(v.err, err)}
		}
		v = p.readSlots(m)
	}
	if v.err == nil && p.now().Sub(m.opened) > lastRestart {
		m.worked() // a reading alone proves little: a module may crash in each login
	}
	return v
}

func merge(views []view) (Snapshot, error) {
	var s Snapshot
	var errs []error
	worked := false
	for _, v := range views {
		if v.err != nil {
			errs = append(errs, v.err)
			continue
		}
		worked = true
		s.Slots = append(s.Slots, v.slots...)
		for _, c := range v.certificates {
			// The same certificate through two modules is one.
			if !slices.ContainsFunc(s.Certificates, func(x Certificate) bool { return x.ID == c.ID }) {
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

func (p *Pool) readSlots(m *module) (v view) {
	ids, err := m.driver.Slots()
	if err != nil {
		return view{err: err}
	}
	var failed error
	for _, id := range ids {
		slot, ok, err := readSlot(m, id)
		if err == nil && ok {
			v.slots = append(v.slots, slot)
		}
		if err == nil && slot.Token != nil {
			var found []Certificate
			found, err = p.readCertificates(m, slot)
			v.certificates = append(v.certificates, found...)
		}
		if m.driver.Gone() {
			return view{err: errors.Join(&Error{Op: "the module's process ended during a reading", Path: m.path, Kind: ErrModuleFailed}, err)}
		}
		if err != nil {
			failed = err
			p.log.Warn("slot cannot be read", "module", m.path, "slot", id, "error", err)
		}
	}
	if len(v.slots) == 0 && failed != nil {
		return view{err: failed} // not "no reader": it cannot tell
	}
	return v
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

func (p *Pool) readCertificates(m *module, slot Slot) ([]Certificate, error) {
	session, err := m.driver.OpenSession(slot.ID)
	if err != nil {
		return nil, err
	}
	defer m.driver.CloseSession(session)
	objects, err := m.driver.Find(session, []*p11.Attribute{
		p11.NewAttribute(p11.CKA_CLASS, p11.CKO_CERTIFICATE), p11.NewAttribute(p11.CKA_CERTIFICATE_TYPE, p11.CKC_X_509),
	})
	if err != nil {
		return nil, err
	}
	var certificates []Certificate
	for _, o := range objects {
		values, err := m.driver.Attributes(session, o, p11.CKA_VALUE, p11.CKA_ID, p11.CKA_LABEL)
		if err != nil {
			return certificates, err
		}
		parsed, err := x509.ParseCertificate(values[0])
		if err != nil {
			p.log.Warn("a certificate on the card cannot be read", "module", m.path, "label", string(values[2]), "error", err)
			continue
		}
		if parsed.IsCA {
			continue
		}
		sum := sha256.Sum256(parsed.Raw)
		c := Certificate{ID: hex.EncodeToString(sum[:]), X509: parsed, Label: trim(string(values[2])), KeyID: values[1], Slot: slot}
		if c.Reason, err = p.reason(m.driver, session, c); err != nil {
			return certificates, err
		}
		certificates = append(certificates, c)
	}
	return certificates, nil
}

// reason says why a certificate is not for a login, in the order in which it
// helps a person: what it is for, then whether its key asks for a PIN, then
// its validity.
func (p *Pool) reason(d driver, session p11.SessionHandle, c Certificate) (Reason, error) {
	if authcert.Check(c.X509) != nil {
		return NotForAuthentication, nil
	}
	open, err := keyWithoutPIN(d, session, c)
	switch now := p.now(); {
	case err != nil:
		return "", err
	case open:
		return KeyWithoutPIN, nil
	case now.Before(c.X509.NotBefore):
		return NotYetValid, nil
	case now.After(c.X509.NotAfter):
		return Expired, nil
	}
	return Usable, nil
}

// keyWithoutPIN tells a key that can be used without logging in: on a token
// that asks for no login at all, or a key object seen before login that is not
// private.
func keyWithoutPIN(d driver, session p11.SessionHandle, c Certificate) (bool, error) {
	if !c.Slot.Token.loginRequired {
		return true, nil
	}
	keys, err := d.Find(session, keyTemplate(c.KeyID))
	if err != nil {
		return false, err
	}
	for _, k := range keys {
		private, err := d.Attributes(session, k, p11.CKA_PRIVATE)
		if err != nil {
			return false, err
		}
		if !isTrue(private[0]) {
			return true, nil
		}
	}
	return false, nil
}

func keyTemplate(id []byte) []*p11.Attribute {
	return []*p11.Attribute{p11.NewAttribute(p11.CKA_CLASS, p11.CKO_PRIVATE_KEY), p11.NewAttribute(p11.CKA_ID, id)}
}

func isTrue(value []byte) bool { return len(value) == 1 && value[0] != 0 }

// trim takes off the padding: blanks by the standard, NULs with some modules.
func trim(s string) string { return strings.Trim(s, " \x00") }
