// Package bareprogram is the login that costs a card least: a program that calls a
// PKCS#11 module itself, without an agent, and makes one signature in each login.
// The agent is measured against it.
//
// The module runs in this process, so that its libraries read this process's
// environment, such as PCSCLITE_CSOCK_NAME. A Program is for one caller at a time.
// It is for virtual cards only: it never protects a card from wrong PINs.
package bareprogram

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"

	p11 "github.com/miekg/pkcs11"

	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// Program is a program with the module initialised and the slot known.
type Program struct {
	module *p11.Ctx
	slot   uint
	reader string
}

var errNoCard = errors.New("bareprogram: no card")

// Open initialises the module and chooses the first slot with a card.
func Open(module string) (*Program, error) {
	p := &Program{module: p11.New(module)}
	if p.module == nil {
		return nil, fmt.Errorf("bareprogram: %s is not a PKCS#11 module", module)
	}
	if err := p.module.Initialize(); err != nil {
		p.module.Destroy()
		return nil, err
	}
	if err := p.find(); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

func (p *Program) find() error {
	slots, err := p.module.GetSlotList(true)
	if err != nil {
		return err
	}
	if len(slots) == 0 {
		return errNoCard
	}
	p.slot = slots[0]
	info, err := p.module.GetSlotInfo(p.slot)
	p.reader = strings.Trim(info.SlotDescription, " \x00")
	return err
}

// Close finalises the module.
func (p *Program) Close() error {
	err := p.module.Finalize()
	p.module.Destroy()
	return err
}

// Step is called after each step of a login, with its name in PKCS#11 v2.40.
type Step func(name string)

// Login logs in, signs with the private key that has keyID as its CKA_ID, logs out,
// and resets the card, so that it is locked afterwards as after the agent's login.
func (p *Program) Login(pin string, keyID []byte, step Step) error {
	session, err := p.module.OpenSession(p.slot, p11.CKF_SERIAL_SESSION)
	if err != nil {
		return err
	}
	step("C_OpenSession")
	if err := p.module.Login(session, p11.CKU_USER, pin); err != nil {
		return err
	}
	step("C_Login")
	if err := p.sign(session, keyID, step); err != nil {
		return err
	}
	if err := p.module.Logout(session); err != nil {
		return err
	}
	step("C_Logout")
	if err := p.module.CloseSession(session); err != nil {
		return err
	}
	step("C_CloseSession")
	if err := pcsc.ResetCard(p.reader); err != nil {
		return err
	}
	step("reset")
	return nil
}

// Session is a login that lasts, as a practice program's does.
type Session struct {
	program *Program
	handle  p11.SessionHandle
}

// Stay logs in and stays so: the card is open, for whoever uses it, until it is reset.
func (p *Program) Stay(pin string) (*Session, error) {
	handle, err := p.module.OpenSession(p.slot, p11.CKF_SERIAL_SESSION)
	if err != nil {
		return nil, err
	}
	return &Session{p, handle}, p.module.Login(handle, p11.CKU_USER, pin)
}

// Sign makes one more signature, without a PIN; it fails where the card was reset.
func (s *Session) Sign(keyID []byte) error { return s.program.sign(s.handle, keyID, func(string) {}) }

func (p *Program) sign(session p11.SessionHandle, keyID []byte, step Step) error {
	key, err := p.key(session, keyID)
	if err != nil {
		return err
	}
	step("C_FindObjects")
	if err := p.module.SignInit(session, []*p11.Mechanism{p11.NewMechanism(p11.CKM_RSA_PKCS, nil)}, key); err != nil {
		return err
	}
	step("C_SignInit")
	sum := sha256.Sum256([]byte("TEST message"))
	if _, err := p.module.Sign(session, slices.Concat(digestInfo, sum[:])); err != nil {
		return err
	}
	step("C_Sign")
	return nil
}

// digestInfo is the DER that precedes a SHA-256 digest (RFC 8017, 9.2, note 1).
var digestInfo = []byte{
	0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20,
}

// key chooses by CKA_ID, because the first key that signs may be the signature
// certificate's.
func (p *Program) key(session p11.SessionHandle, id []byte) (p11.ObjectHandle, error) {
	err := p.module.FindObjectsInit(session, []*p11.Attribute{
		p11.NewAttribute(p11.CKA_CLASS, p11.CKO_PRIVATE_KEY), p11.NewAttribute(p11.CKA_SIGN, true),
	})
	if err != nil {
		return 0, err
	}
	keys, _, err := p.module.FindObjects(session, 16)
	if err := errors.Join(err, p.module.FindObjectsFinal(session)); err != nil {
		return 0, err
	}
	for _, key := range keys {
		got, err := p.module.GetAttributeValue(session, key, []*p11.Attribute{p11.NewAttribute(p11.CKA_ID, nil)})
		if err != nil {
			return 0, err
		}
		if bytes.Equal(got[0].Value, id) {
			return key, nil
		}
	}
	return 0, fmt.Errorf("bareprogram: none of %d keys has the CKA_ID %x", len(keys), id)
}
