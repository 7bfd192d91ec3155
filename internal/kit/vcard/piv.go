package vcard

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/hex"
	"fmt"
	"math/big"
)

// PIVContent is what a PIV card holds; nil leaves that slot empty.
type PIVContent struct {
	// GUID is the card's number, 16 bytes, of which the first eight are its serial's
	// digits.
	GUID [16]byte
	// Authentication is slot 9A, usable from the PIN to the card's reset.
	Authentication *Identity
	// Signature is slot 9C, which needs the PIN before each use.
	Signature *Identity
	// CardAuthentication is slot 9E, whose key needs no PIN, for a contactless
	// interface.
	CardAuthentication *Identity
}

// piv is a PIV card (NIST SP 800-73-4 part 2).
type piv struct {
	number   string
	pin      *PIN
	slots    map[byte]*Identity
	objects  map[string][]byte // by tag, in hex
	selected bool
	fresh    bool // the PIN was the last command: slot 9C may sign
	chain    []byte
	answer   pending
}

// pivATR states T=1 and, in the historical bytes, a name that no driver knows, so
// that modules select the application.
var pivATR = append([]byte{0x3B, 0x88, 0x80, 0x01, 'T', 'E', 'S', 'T', '-', 'P', 'I', 'V'}, 0x7D)

var pivAID = []byte{0xA0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00, 0x01, 0x00}

// NewPIV makes a PIV card. Keys are RSA of 2048 or 3072 bits, P-256 or P-384.
func NewPIV(c PIVContent, pin *PIN) (Card, error) {
	card := &piv{number: string(c.GUID[:8]), pin: pin, slots: map[byte]*Identity{}, objects: map[string][]byte{}}
	for _, s := range []struct {
		slot     byte
		object   string
		identity *Identity
	}{{0x9A, "5fc105", c.Authentication}, {0x9C, "5fc10a", c.Signature}, {0x9E, "5fc101", c.CardAuthentication}} {
		if s.identity == nil {
			continue
		}
		if pivAlgorithm(s.identity) == 0 {
			return nil, fmt.Errorf("vcard: no PIV algorithm for a key of type %T and that size", s.identity.Key.Public())
		}
		card.slots[s.slot] = s.identity
		card.objects[s.object] = tlv(0x53, tlv(0x70, s.identity.Cert.Raw), []byte{0x71, 1, 0, 0xFE, 0})
	}
	// Discovery object: the application's PIN is the only one.
	card.objects["7e"] = tlv(0x7E, tlv(0x4F, pivAID), []byte{0x5F, 0x2F, 2, 0x40, 0})
	// Card holder unique identifier: an FASC-N of a non-federal issuer, the GUID.
	fascN, err := hex.DecodeString("d4e739da739ced39ce739d836858210842108421c84210c3eb")
	if err != nil {
		return nil, err
	}
	card.objects["5fc102"] = tlv(0x53, tlv(0x30, fascN), tlv(0x34, c.GUID[:]), tlv(0x35, []byte("20991231")), []byte{0x3E, 0, 0xFE, 0})
	// Card capability container: it only has to exist.
	card.objects["5fc107"] = tlv(0x53, tlv(0xF0, append([]byte{0xA0, 0, 0, 1, 0x16, 0xFF, 2}, c.GUID[:14]...)),
		[]byte{0xF1, 1, 0x21, 0xF2, 1, 0x21, 0xF3, 0, 0xF4, 1, 0, 0xF5, 1, 0x10, 0xF6, 0, 0xF7, 0, 0xFA, 0, 0xFB, 0, 0xFC, 0, 0xFD, 0, 0xFE, 0})
	return card, nil
}

func (*piv) ATR() []byte      { return pivATR }
func (*piv) Protocol() int    { return 1 }
func (c *piv) PIN() *PIN      { return c.pin }
func (c *piv) serial() string { return c.number }

func (c *piv) Reset() {
	c.selected, c.fresh, c.chain, c.answer = false, false, nil, pending{}
	c.pin.forget()
}

func (c *piv) Transmit(raw []byte) []byte {
	cmd, ok := parse(raw)
	if !ok {
		return swWrongLength.bytes()
	}
	fresh := c.fresh
	if cmd.ins != 0xC0 && cmd.cla&0x10 == 0 {
		c.fresh = false
	}
	if cmd.cla&^0x10 != 0 {
		return swUnknownCLA.bytes()
	}
	switch cmd.ins {
	case 0xA4:
		return c.selectApplication(cmd)
	case 0xC0:
		return c.answer.more(cmd.le)
	}
	if !c.selected {
		return swUnknownINS.bytes()
	}
	switch cmd.ins {
	case 0xCB:
		return c.getData(cmd)
	case 0x20:
		return c.verify(cmd)
	case 0x87:
		c.chain = append(c.chain, cmd.data...)
		if cmd.cla&0x10 != 0 {
			return swOK.bytes()
		}
		cmd.data, c.chain = c.chain, nil
		return c.authenticate(cmd, fresh)
	}
	return swUnknownINS.bytes()
}

func (c *piv) selectApplication(cmd command) []byte {
	// The application may be selected by a prefix of its name, without the version.
	if cmd.p1 != 4 || len(cmd.data) < 5 || !bytes.HasPrefix(pivAID, cmd.data) {
		return swNotFound.bytes()
	}
	c.selected = true
	if cmd.le == 0 { // not every program states the length it wants
		cmd.le = 256
	}
	return c.answer.start(tlv(0x61, tlv(0x4F, pivAID[5:]), tlv(0x79, tlv(0x4F, pivAID[:5]))), cmd.le)
}

func (c *piv) getData(cmd command) []byte {
	tag, name, _, ok := next(cmd.data)
	if !ok || tag != 0x5C || cmd.p1 != 0x3F || cmd.p2 != 0xFF {
		return swWrongData.bytes()
	}
	object, ok := c.objects[hex.EncodeToString(name)]
	if !ok {
		return swNotFound.bytes()
	}
	return c.answer.start(object, cmd.le)
}

func (c *piv) verify(cmd command) []byte {
	if cmd.p2 != 0x80 || cmd.p1 != 0 {
		return swNoReference.bytes()
	}
	if len(cmd.data) == 0 {
		return c.pin.ask().bytes()
	}
	if len(cmd.data) != 8 {
		return swWrongData.bytes()
	}
	status := c.pin.verify(bytes.TrimRight(cmd.data, "\xFF"))
	c.fresh = status == swOK
	return status.bytes()
}

// authenticate is GENERAL AUTHENTICATE as an internal authentication: the block
// is signed as it is.
func (c *piv) authenticate(cmd command, fresh bool) []byte {
	identity := c.slots[cmd.p2]
	if identity == nil {
		return swNoReference.bytes()
	}
	if cmd.p1 != pivAlgorithm(identity) {
		return swWrongP1P2.bytes()
	}
	if cmd.p2 != 0x9E && !c.pin.Verified() || cmd.p2 == 0x9C && !fresh {
		return swNotAllowed.bytes()
	}
	tag, template, _, ok := next(cmd.data)
	if !ok || tag != 0x7C {
		return swWrongData.bytes()
	}
	for len(template) > 0 {
		var value []byte
		if tag, value, template, ok = next(template); !ok {
			return swWrongData.bytes()
		}
		if tag != 0x81 {
			continue
		}
		signed, err := signBlock(identity, value)
		if err != nil {
			return swWrongData.bytes()
		}
		return c.answer.start(tlv(0x7C, tlv(0x82, signed)), cmd.le)
	}
	return swWrongData.bytes()
}

func pivAlgorithm(i *Identity) byte {
	switch key := i.Key.(type) {
	case *rsa.PrivateKey:
		switch key.N.BitLen() {
		case 2048:
			return 0x07
		case 3072:
			return 0x05
		}
	case *ecdsa.PrivateKey:
		switch key.Curve {
		case elliptic.P256():
			return 0x11
		case elliptic.P384():
			return 0x14
		}
	}
	return 0
}

// signBlock applies the private key to a block as it is: for RSA one that the host
// has padded, for ECDSA a digest.
func signBlock(i *Identity, block []byte) ([]byte, error) {
	switch key := i.Key.(type) {
	case *ecdsa.PrivateKey:
		return ecdsa.SignASN1(rand.Reader, key, block)
	case *rsa.PrivateKey:
		return rawRSA(key, block)
	}
	return nil, fmt.Errorf("vcard: no key of type %T", i.Key)
}

// rawRSA is m^d mod n. The standard library has it only with padding, which here
// is the host's task. It leaks timing, which does no harm to a test card's key.
func rawRSA(key *rsa.PrivateKey, block []byte) ([]byte, error) {
	m := new(big.Int).SetBytes(block)
	if len(block) != key.Size() || m.Cmp(key.N) >= 0 {
		return nil, fmt.Errorf("vcard: a block of %d bytes for a key of %d", len(block), key.Size())
	}
	return new(big.Int).Exp(m, key.D, key.N).FillBytes(make([]byte, key.Size())), nil
}
