package vcard

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
)

var (
	cps4ATR    = []byte{0x3B, 0x9B, 0x18, 0x80, 0x01, 0x00, 0x12, 0x25, 0x00, 0x64, 0x80, 0x04, 0x01, 0x00, 0x00, 0x90, 0x44}
	cps4Select = []byte{0x80, 0x25, 0x00, 0x00, 0x01, 0xFF, 0x01, 0x00}
)

// cps4 is a CPS4 as far as public sources describe it: T=1, class 01, the files of
// a CPS3. No module of a Linux distribution recognises it.
type cps4 struct {
	*cps
	decipherRef byte
	signRef     byte
	algorithm   byte
	chain       []byte
}

// cps4SignRef is an own choice.
const cps4SignRef = 0x01

// NewCPS4 makes a CPS4.
func NewCPS4(c CPSContent, pin *PIN) (Card, error) {
	common, err := newCPS(c, pin, cps4AuthRef, cps4SignRef)
	if err != nil {
		return nil, err
	}
	card := &cps4{cps: common}
	card.reset()
	return card, nil
}

func (*cps4) ATR() []byte   { return cps4ATR }
func (*cps4) Protocol() int { return 1 }

func (c *cps4) Reset() {
	c.reset()
	c.decipherRef, c.signRef, c.algorithm, c.chain = 0, 0, 0, nil
}

func (c *cps4) Transmit(raw []byte) []byte {
	cmd, ok := parse(raw)
	switch {
	case !ok:
		return swWrongLength.bytes()
	case cmd.cla&^0x10 != 1:
		return swUnknownCLA.bytes()
	}
	switch cmd.ins {
	case 0xA4:
		return c.selectAny(cmd)
	case 0xB0:
		return c.readBinary(cmd)
	case 0xC0:
		return c.answer.more(cmd.le)
	case 0x20:
		if len(cmd.data) == 0 && c.pin.TriesLeft() == 0 {
			return swTriesLeft.bytes() // the vendor's module takes 63C0 for locked
		}
		return c.verify(cmd)
	case 0x22:
		return c.manageSecurity(cmd)
	case 0x2A:
		return c.perform(cmd)
	}
	return swUnknownINS.bytes()
}

func (c *cps4) selectAny(cmd command) []byte {
	switch {
	case cmd.p1 == 0x04 && (bytes.Equal(cmd.data, cps4Select) || bytes.Equal(cmd.data, cpsAID)):
		c.current = cpsDF
	case cmd.p1 == 0x08 && c.selectFile(cmd.data):
	case cmd.p1 == 0x00 && c.selectFile(cmd.data): // the master file, before the PIN
	default:
		return swNotFound.bytes()
	}
	if cmd.p2 == 0x0C || cmd.le == 0 {
		return swOK.bytes()
	}
	return c.answer.start(c.control(0x6F), cmd.le)
}

func (c *cps4) manageSecurity(cmd command) []byte {
	switch {
	case cmd.p1 == 0x41 && cmd.p2 == 0xB8:
		_, reference, ok := securityTemplate(cmd.data)
		if !ok || c.keys[reference] == nil {
			return swNoReference.bytes()
		}
		c.decipherRef = reference
		return swOK.bytes()
	case cmd.p1 == 0x81 && cmd.p2 == 0xB6:
		tag, value, _, ok := next(cmd.data)
		if !ok || tag != 0x91 || len(value) != 2 || c.keys[value[1]&^0x80] == nil {
			return swNoReference.bytes()
		}
		c.algorithm, c.signRef = value[0], value[1]&^0x80
		return swOK.bytes()
	}
	return swWrongP1P2.bytes()
}

// The signature algorithms of a CPS4.
const (
	cps4SHA256    = 0x28
	cps4SHA1      = 0x0A
	cps4PSSSHA256 = 0x2C
)

func (c *cps4) perform(cmd command) []byte {
	c.chain = append(c.chain, cmd.data...)
	if cmd.cla&0x10 != 0 {
		if len(c.chain) > cpsKeyBits/8 {
			c.chain = nil
			return swWrongLength.bytes()
		}
		return swOK.bytes()
	}
	data := c.chain
	c.chain = nil
	if !c.pin.Verified() {
		return swNotAllowed.bytes()
	}
	var signed []byte
	var err error
	switch {
	case cmd.p1 == 0x80 && cmd.p2 == 0x86 && c.keys[c.decipherRef] != nil:
		signed, err = rawRSA(c.keys[c.decipherRef], data)
	case cmd.p1 == 0x9E && cmd.p2 == 0x9A && c.keys[c.signRef] != nil:
		signed, err = c.signHash(c.keys[c.signRef], data)
	default:
		return swConditions.bytes()
	}
	if err != nil {
		return swWrongData.bytes()
	}
	return c.answer.start(signed, cmd.le)
}

func (c *cps4) signHash(key *rsa.PrivateKey, digest []byte) ([]byte, error) {
	switch c.algorithm {
	case cps4SHA1:
		return signPKCS1(key, crypto.SHA1, digest)
	case cps4PSSSHA256:
		return rsa.SignPSS(rand.Reader, key, crypto.SHA256, digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	}
	return signPKCS1(key, crypto.SHA256, digest)
}
