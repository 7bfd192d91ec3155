package pkcs11

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"

	p11 "github.com/miekg/pkcs11"

	"github.com/cpx-bridge/cpx-bridge/internal/authcert"
	"github.com/cpx-bridge/cpx-bridge/internal/lenientcert"
	"github.com/cpx-bridge/cpx-bridge/internal/visible"
)

// objects reads the certificates of one token, each for itself: what is wrong with
// one costs that one, and the card's others still serve.
type objects struct {
	pool    *Pool
	module  *module
	session p11.SessionHandle
	slot    Slot
	failed  []error // of the objects that could not be read
	read    int     // that could, whatever they are
	offered map[uint]bool
}

// readCertificates fails where the module or the card is gone, and where nothing at
// all could be read. complete is false where an object may read better next time. offered
// are the token's mechanisms, nil where they were not asked for.
func (p *Pool) readCertificates(m *module, slot Slot) (list []Certificate, offered map[uint]bool, complete bool, err error) {
	session, err := p.openSession(m, slot)
	if err != nil {
		return nil, nil, false, err
	}
	defer m.driver.CloseSession(session)
	r := &objects{pool: p, module: m, session: session, slot: slot}
	// By class alone: not every module knows CKA_CERTIFICATE_TYPE.
	handles, err := m.driver.Find(session, []*p11.Attribute{p11.NewAttribute(p11.CKA_CLASS, p11.CKO_CERTIFICATE)}, p11.CKA_VALUE, p11.CKA_ID, p11.CKA_LABEL)
	if err != nil {
		return nil, nil, false, err
	}
	if len(handles) >= maxObjects {
		p.log.Warn("the card has more objects than are read", "module", m.path, "slot", slot.ID, "read", len(handles))
	}
	seen := map[p11.ObjectHandle]bool{}
	for _, o := range handles {
		if seen[o] {
			continue
		}
		seen[o] = true
		c, is, err := r.certificate(o)
		switch {
		case err != nil && r.gone(err):
			return list, nil, false, err
		case err != nil:
			r.failed = append(r.failed, err)
		case is:
			list = append(list, c)
		}
	}
	r.log()
	if r.read == 0 && len(r.failed) > 0 {
		return nil, nil, false, r.failed[0]
	}
	return list, r.offered, !r.transient(), nil
}

// gone reports whether an error is of more than one object: the module's process
// ended, or the card left. Modules say the latter in many ways, and some say the
// same of an object that was deleted, so the reader is asked.
func (r *objects) gone(err error) bool {
	d := r.module.driver
	if d.Gone() {
		return true
	}
	if ofObject(err) {
		return false
	}
	info, infoErr := d.SlotInfo(r.slot.ID)
	if infoErr != nil || info.Flags&p11.CKF_TOKEN_PRESENT == 0 {
		return true
	}
	if _, stateErr := d.SessionState(r.session); stateErr != nil {
		return true
	}
	return r.pool.emptied(r.slot)
}

// ofObject reports whether a module says that it is the object or the attribute.
func ofObject(err error) bool {
	for _, ckr := range []uint{
		p11.CKR_ATTRIBUTE_TYPE_INVALID, p11.CKR_ATTRIBUTE_SENSITIVE, p11.CKR_ATTRIBUTE_VALUE_INVALID, p11.CKR_BUFFER_TOO_SMALL,
		p11.CKR_TEMPLATE_INCONSISTENT, p11.CKR_TEMPLATE_INCOMPLETE, p11.CKR_DATA_INVALID, p11.CKR_FUNCTION_NOT_SUPPORTED,
	} {
		if isCKR(err, ckr) {
			return true
		}
	}
	return false
}

// transient reports whether another reading may show what this one did not: a
// reading that it spoiled must not stand.
func (r *objects) transient() bool {
	for _, err := range r.failed {
		if !ofObject(err) {
			return true
		}
	}
	return false
}

// mostLogged bounds the lines of one reading.
const mostLogged = 5

func (r *objects) log() {
	for _, err := range r.failed[:min(len(r.failed), mostLogged)] {
		r.pool.log.Warn("an object on the card cannot be read", "module", r.module.path, "slot", r.slot.ID, "error", visible.Text(err.Error()))
	}
	if more := len(r.failed) - mostLogged; more > 0 {
		r.pool.log.Warn("further objects on the card cannot be read", "module", r.module.path, "slot", r.slot.ID, "objects", more)
	}
}

// certificate reads one object; is is false where it is no certificate for people.
func (r *objects) certificate(o p11.ObjectHandle) (c Certificate, is bool, err error) {
	value, err := r.attribute(o, p11.CKA_VALUE)
	if err != nil {
		return c, false, err
	}
	r.read++
	der := unpadded(value)
	if len(der) == 0 {
		return c, false, nil // a place on the card that nothing was put in
	}
	sum := sha256.Sum256(der)
	c = Certificate{ID: hex.EncodeToString(sum[:]), Slot: r.slot}
	if c.X509, err = x509.ParseCertificate(der); err != nil {
		if r.otherType(o) {
			return c, false, nil
		}
		c.X509, c.Reason = r.pool.shown(der, c, err), Unreadable
		if keyOfAnotherKind(der) {
			c.Reason = KeyUnsupported // the library refuses such a key, not the certificate
		}
	}
	if c.X509.IsCA {
		return c, false, nil
	}
	if c.KeyID, err = r.optional(o, p11.CKA_ID); err != nil {
		return c, false, err
	}
	label, err := r.optional(o, p11.CKA_LABEL)
	if err != nil {
		return c, false, err
	}
	c.Label = trim(string(label))
	if c.Reason == Usable { // so far
		c.Reason, err = r.reason(c)
	}
	return c, err == nil, err
}

// reason says why a certificate is not for a login, in the order in which it helps a
// person: what it is for, then whether its key can sign, is there, and asks for a
// PIN, then its validity.
func (r *objects) reason(c Certificate) (Reason, error) {
	if authcert.Check(c.X509) != nil {
		return NotForAuthentication, nil
	}
	if !carried(c.X509.PublicKey) || !r.signsWith(c.X509.PublicKey) {
		return KeyUnsupported, nil
	}
	reason, err := keyReason(r.module.driver, r.session, c)
	if err != nil || reason != Usable {
		return reason, err
	}
	return r.pool.validity(c.X509), nil
}

// signsWith reports whether the token offers a mechanism for the key; true where it
// does not say which it has, which a login finds out.
func (r *objects) signsWith(key crypto.PublicKey) bool {
	if r.offered == nil {
		offered, err := r.module.driver.Mechanisms(r.slot.ID)
		if err != nil {
			return true
		}
		r.offered = offered
	}
	_, ok := choose(key, r.offered)
	return ok
}

// shown is what of an unreadable certificate can be shown to people. The log has the
// parser's reason, once for each: cards are read over and over.
func (p *Pool) shown(der []byte, c Certificate, why error) *x509.Certificate {
	x, ok := lenientcert.Read(der)
	if !ok {
		x = &x509.Certificate{Raw: der}
	}
	if _, logged := p.unreadable.LoadOrStore(c.ID, true); !logged && !x.IsCA {
		p.log.Warn("a certificate on the card cannot be read", "module", c.Slot.Module, "slot", c.Slot.ID, "certificate", c.ID, "error", visible.Text(why.Error()))
	}
	return x
}

func (r *objects) attribute(o p11.ObjectHandle, kind uint) ([]byte, error) {
	values, err := r.module.driver.Attributes(r.session, o, kind)
	if err != nil {
		return nil, err
	}
	return values[0], nil
}

// optional is an attribute without which a certificate serves all the same: empty
// where it cannot be read. It fails where more than the object is gone.
func (r *objects) optional(o p11.ObjectHandle, kind uint) ([]byte, error) {
	value, err := r.attribute(o, kind)
	if err != nil && r.gone(err) {
		return nil, err
	}
	return value, nil
}

// otherType reports whether the object is a certificate of another kind than X.509,
// such as an attribute certificate.
func (r *objects) otherType(o p11.ObjectHandle) bool {
	value, err := r.attribute(o, p11.CKA_CERTIFICATE_TYPE)
	return err == nil && len(value) > 0 && number(value) != p11.CKC_X_509
}

// number reads a CK_ULONG, which is in the byte order of the machine and has 4 or
// 8 octets; it is right for small ones.
func number(value []byte) (n uint) {
	for _, b := range value {
		n |= uint(b)
	}
	return n
}

// unpadded cuts a value to its DER's own length: modules put zeros, FF or what was
// in their buffer behind it. What is not DER stays as it is; what is nothing but
// padding becomes nothing.
func unpadded(value []byte) []byte {
	if n, ok := derLength(value); ok && n <= len(value) {
		return value[:n]
	}
	for _, b := range value {
		if b != 0 && b != 0xff {
			return value
		}
	}
	return nil
}

// derLength is the length of the SEQUENCE that begins the value, its head included.
func derLength(value []byte) (int, bool) {
	const sequence = 0x30
	if len(value) < 2 || value[0] != sequence {
		return 0, false
	}
	if value[1] < 0x80 {
		return 2 + int(value[1]), true
	}
	octets := int(value[1] & 0x7f)
	if octets == 0 || octets > 3 || len(value) < 2+octets {
		return 0, false
	}
	n := 0
	for _, b := range value[2 : 2+octets] {
		n = n<<8 | int(b)
	}
	return 2 + octets + n, true
}
