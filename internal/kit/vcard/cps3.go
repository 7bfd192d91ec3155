package vcard

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
)

var (
	cps3ATR        = []byte{0x3B, 0xAC, 0x00, 0x40, 0x2A, 0x00, 0x12, 0x25, 0x00, 0x64, 0x80, 0x00, 0x03, 0x10, 0x00, 0x90, 0x00}
	contactlessATR = []byte{0x3B, 0x8F, 0x80, 0x01, 0x00, 0x31, 0xB8, 0x64, 0x04, 0xB0, 0xEC, 0xC1, 0x73, 0x94, 0x01, 0x80, 0x82, 0x90, 0x00, 0x0E}
)

// cps3 is a CPS3, an IAS ECC card: on its contacts, where it speaks T=0, or laid on
// a contactless reader.
type cps3 struct {
	*cps
	contactless      bool
	authRef, signRef byte
	algorithm        byte
	digest           []byte // of the last hash command
}

// NewCPS3 makes a CPS3 that OpenSC's iasecc driver and the vendor's module
// recognise.
func NewCPS3(c CPSContent, pin *PIN) (Card, error) {
	common, err := newCPS(c, pin, cpsAuthRef, cpsSignRef)
	if err != nil {
		return nil, err
	}
	card := &cps3{cps: common}
	card.reset()
	return card, nil
}

// NewContactlessCPS3 makes a CPS3 that is laid on a contactless reader: it shows its
// technical key only, which needs no PIN. A technical identity is required.
func NewContactlessCPS3(c CPSContent, pin *PIN) (Card, error) {
	if c.Technical == nil {
		return nil, errors.New("vcard: a contactless CPS3 shows its technical key")
	}
	c.Authentication, c.Signature = nil, nil
	common, err := newCPS(c, pin, cpsAuthRef, cpsSignRef)
	if err != nil {
		return nil, err
	}
	card := &cps3{cps: common, contactless: true}
	card.reset()
	return card, nil
}

func (c *cps3) ATR() []byte {
	if c.contactless {
		return contactlessATR
	}
	return cps3ATR
}

func (c *cps3) Protocol() int {
	if c.contactless {
		return 1
	}
	return 0
}

func (c *cps3) Reset() {
	c.reset()
	c.authRef, c.signRef, c.algorithm, c.digest = 0, 0, 0, nil
}

func (c *cps3) Transmit(raw []byte) []byte {
	cmd, ok := parse(raw)
	switch {
	case !ok:
		return swWrongLength.bytes()
	case cmd.cla != 0:
		return swUnknownCLA.bytes()
	}
	switch cmd.ins {
	case 0xA4:
		return c.selectAny(cmd)
	case 0xB0:
		return c.readBinary(cmd)
	case 0xC0:
		return c.answer.more(cmd.le)
	case 0xCB:
		return c.getData(cmd)
	case 0x20:
		return c.verify(cmd)
	case 0x22:
		return c.manageSecurity(cmd)
	case 0x88:
		return c.authenticate(cmd)
	case 0x2A:
		return c.perform(cmd)
	}
	return swUnknownINS.bytes()
}

// later answers a command that has data and wants some: in T=0 the answer is fetched
// with GET RESPONSE.
func (c *cps3) later(cmd command, answer []byte) []byte {
	if c.Protocol() == 0 {
		cmd.le = 0
	}
	return c.answer.start(answer, cmd.le)
}

func (c *cps3) selectAny(cmd command) []byte {
	switch cmd.p1 {
	case 0x04:
		if len(cmd.data) < 5 || !bytes.HasPrefix(cpsAID, cmd.data) {
			return swNotFound.bytes()
		}
		c.current = cpsDF
	case 0x00, 0x02, 0x08, 0x09:
		if !c.selectFile(cmd.data) {
			return swNotFound.bytes()
		}
	default:
		return swWrongP1P2.bytes()
	}
	switch cmd.p2 {
	case 0x0C:
		return swOK.bytes()
	case 0x04:
		return c.later(cmd, c.control(0x62))
	}
	return c.later(cmd, c.control(0x6F))
}

// getData answers a request for a security data object: 4D{70{tag{part}}}.
func (c *cps3) getData(cmd command) []byte {
	tag, list, _, ok := next(cmd.data)
	if ok && tag == 0x4D {
		tag, list, _, ok = next(list)
	}
	if !ok || tag != 0x70 || cmd.p1 != 0x3F || cmd.p2 != 0xFF || len(list) < 4 {
		return swWrongData.bytes()
	}
	// The inner lengths are the answer's and not the request's, so the request is
	// compared as it is: object, then part.
	object, part := hex.EncodeToString(list[:3]), list[4:]
	// OpenSC 0.26 forgets the object's name after its first part, and asks for BF8000;
	// it takes the answer only under that name.
	pin, key := object == "bf8101" || object == "bf8000", c.hasKeyObject(object)
	var value []byte
	switch {
	case pin && bytes.HasPrefix(part, []byte{0xA0}):
		value = tlv(0xA0, []byte{0x9A, 1, byte(c.pin.max), 0x9B, 1, byte(c.pin.TriesLeft()), 0x9D, 2, 0x7F, 0xFF, 0x80, 2, 0, MaxPIN}, tlv(0xA1, []byte{0x8C, 4, 0x61, 0, 0, 0}))
	case pin && bytes.HasPrefix(part, []byte{0x7F, 0x41}):
		value = tlv(0x7F41, []byte{0x80, 1, MaxPIN, 0x81, 1, MinPIN})
	case key && bytes.HasPrefix(part, []byte{0xA0}):
		access := []byte{0x8C, 3, 0x30, 0, 0} // internal authenticate and decipher
		if object == "bf9001" {
			access = []byte{0x8C, 2, 0x40, 0} // compute a digital signature
		}
		value = tlv(0xA0, []byte{0x80, 2, cpsKeyBits / 8 >> 8, cpsKeyBits / 8 & 0xFF}, tlv(0xA1, access))
	default:
		return swWrongData.bytes()
	}
	return c.later(cmd, tlv(0x70, tlv(binaryTag(list[:3]), value)))
}

// hasKeyObject reports whether the card holds the key of a security data object: its
// number is the key's reference without the highest bit.
func (c *cps3) hasKeyObject(object string) bool {
	for ref := range c.keys {
		if object == fmt.Sprintf("bf90%02x", ref&^0x80) {
			return true
		}
	}
	return false
}

func binaryTag(b []byte) uint32 { return uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2]) }

// manageSecurity is MSE SET, which sets the key and algorithm of the next command.
func (c *cps3) manageSecurity(cmd command) []byte {
	if cmd.p1 != 0x41 {
		return swWrongP1P2.bytes()
	}
	algorithm, reference, ok := securityTemplate(cmd.data)
	if !ok {
		return swWrongData.bytes()
	}
	switch cmd.p2 {
	case 0xA4:
		c.authRef, c.algorithm = reference, algorithm
	case 0xB6:
		c.signRef, c.algorithm = reference, algorithm
	case 0xAA:
		c.algorithm = algorithm
	default:
		return swWrongP1P2.bytes()
	}
	if cmd.p2 != 0xAA && c.keys[reference] == nil {
		return swNoReference.bytes()
	}
	return swOK.bytes()
}

func securityTemplate(in []byte) (algorithm, reference byte, ok bool) {
	for len(in) > 0 {
		var tag uint32
		var value []byte
		if tag, value, in, ok = next(in); !ok || len(value) != 1 {
			return 0, 0, false
		}
		switch tag {
		case 0x80:
			algorithm = value[0]
		case 0x83, 0x84:
			reference = value[0]
		}
	}
	return algorithm, reference, true
}

// maxDigestInfo is how much a 2048-bit key signs under PKCS #1's padding.
const maxDigestInfo = cpsKeyBits/8 - 11

// authenticate is INTERNAL AUTHENTICATE: the card pads the host's DigestInfo.
func (c *cps3) authenticate(cmd command) []byte {
	key := c.keys[c.authRef]
	switch {
	case key == nil || c.authRef == cpsSignRef:
		return swConditions.bytes()
	case c.authRef == cpsAuthRef && !c.pin.Verified():
		return swNotAllowed.bytes()
	case len(cmd.data) == 0 || len(cmd.data) > maxDigestInfo:
		return swWrongLength.bytes()
	}
	signed, err := signPKCS1(key, crypto.Hash(0), cmd.data)
	if err != nil {
		return swFailed.bytes()
	}
	return c.later(cmd, signed)
}

// perform is PERFORM SECURITY OPERATION: hash, and sign what was hashed.
func (c *cps3) perform(cmd command) []byte {
	switch {
	case cmd.p1 == 0x90 && cmd.p2 == 0xA0:
		digest, ok := finishHash(cmd.data)
		if !ok {
			return swWrongData.bytes()
		}
		c.digest = digest
		return swOK.bytes()
	case cmd.p1 != 0x9E || cmd.p2 != 0x9A:
		return swWrongP1P2.bytes()
	}
	digest := cmd.data
	if len(digest) == 0 {
		digest, c.digest = c.digest, nil
	}
	hash := crypto.SHA256
	if c.algorithm&0xF0 == 0x10 {
		hash = crypto.SHA1
	}
	key := c.keys[c.signRef]
	switch {
	case key == nil:
		return swConditions.bytes()
	case !c.pin.Verified():
		return swNotAllowed.bytes()
	case len(digest) != hash.Size():
		return swWrongData.bytes()
	}
	signed, err := signPKCS1(key, hash, digest)
	if err != nil {
		return swFailed.bytes()
	}
	return c.later(cmd, signed)
}

// finishHash completes a SHA-256 that the host has begun: 90{state, bits} 80{the
// rest}, or 80{all}.
func finishHash(in []byte) ([]byte, bool) {
	h := sha256.New()
	tag, value, rest, ok := next(in)
	if ok && tag == 0x90 && len(value) == sha256.Size+8 {
		// The standard library's encoding of a hash's state: a mark, the state,
		// the bytes not yet hashed, and the number of all bytes.
		state := append([]byte("sha\x03"), value[:sha256.Size]...)
		state = append(state, make([]byte, sha256.BlockSize)...)
		state = binary.BigEndian.AppendUint64(state, binary.BigEndian.Uint64(value[sha256.Size:])/8)
		if err := h.(encoding.BinaryUnmarshaler).UnmarshalBinary(state); err != nil {
			return nil, false
		}
		tag, value, _, ok = next(rest)
	}
	if !ok || tag != 0x80 {
		return nil, false
	}
	h.Write(value)
	return h.Sum(nil), true
}
