package vcard

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// CPSContent is what a CPS3 or a CPS4 holds. Its keys are RSA of 2048 bits.
type CPSContent struct {
	// Serial is the card's number, eight digits. The vendor's module shows it, and
	// caches by it.
	Serial         string
	Label          string // the token's, like CPS3v3-2900995261
	Authentication *Identity
	Signature      *Identity
	Technical      *Identity // its key needs no PIN; only a contactless card shows it
}

// The files and references of a CPS card. Those marked "own choice" are ours, and
// not confirmed by a real card.
const (
	cpsDF             = "3f000001"
	cpsAuthCertFile   = cpsDF + "d10a" // own choice
	cpsSignCertFile   = cpsDF + "d10b" // own choice
	cpsAuthID         = 2              // own choice
	cpsSignID         = 1              // own choice
	cpsAuthRef        = 0x82           // own choice, CPS3
	cpsSignRef        = 0x81           // own choice, CPS3
	cpsTechnicalFile  = cpsDF + "d10c" // own choice
	cpsTechnicalID    = 3              // own choice
	cpsTechnicalRef   = 0x83           // own choice
	cps4AuthRef       = 0x20
	cpsMaxRead        = 0xE7
	cpsKeyBits        = 2048
	cpsTokenMaker     = "CPS TEST"
	algorithmRSAPKCS1 = 1 // CKM_RSA_PKCS
)

var cpsAID = []byte{0xE8, 0x28, 0xBD, 0x08, 0x0F, 0x80, 0x25, 0x00, 0x00, 0x01, 0xFF, 0x00, 0x10}

// file is an elementary file, or a dedicated one where data is nil.
type file struct {
	data []byte
	sfi  byte // short identifier, 0 for none
	aid  []byte
}

// cps is what both cards have in common.
type cps struct {
	number  string
	pin     *PIN
	keys    map[byte]*rsa.PrivateKey // by reference
	files   map[string]*file         // by full path, in hex
	current string                   // the selected file
	answer  pending
}

func newCPS(c CPSContent, pin *PIN, authRef, signRef byte) (*cps, error) {
	card := &cps{number: c.Serial, pin: pin, keys: map[byte]*rsa.PrivateKey{}, files: map[string]*file{}}
	for ref, identity := range map[byte]*Identity{authRef: c.Authentication, signRef: c.Signature, cpsTechnicalRef: c.Technical} {
		if identity == nil {
			continue
		}
		key, ok := identity.Key.(*rsa.PrivateKey)
		if !ok || key.N.BitLen() != cpsKeyBits {
			return nil, fmt.Errorf("vcard: a CPS card's keys are RSA of %d bits", cpsKeyBits)
		}
		card.keys[ref] = key
	}
	serial, err := hex.DecodeString(c.Serial)
	if err != nil || len(serial) != 4 {
		return nil, errors.New("vcard: a CPS card's serial number has eight digits")
	}
	put := func(path string, sfi byte, data []byte) { card.files[path] = &file{data: data, sfi: sfi} }
	card.files["3f00"] = &file{}
	card.files[cpsDF] = &file{aid: cpsAID}
	put("3f002f00", 0x1E, tlv(0x61, tlv(0x4F, cpsAID), tlv(0x50, []byte(c.Label)), tlv(0x51, []byte{0x3F, 0, 0, 1})))
	sizes := []byte{2, 2, 0, 0xFF, 2, 2, 0, 0xFF, 2, 2, 0, cpsMaxRead, 2, 2, 0, cpsMaxRead}
	put("3f002f01", 0x1D, append([]byte{0x80}, append(append([]byte{0x43, 1, 0xB8, 0x46, 4, 1, 1, 1, 1, 0x47, 3, 0x94, 1, 0x80}, tlv(0xE0, sizes)...), 0x90, 0)...))
	put("3f00d003", 0x1C, append(append([]byte{0x5A, 0x0A, 0x80, 0x25, 0, 0, 1}, serial...), 0))
	card.pkcs15(c, put, authRef, signRef)
	return card, nil
}

// pkcs15 puts the files of PKCS #15 v1.1 (ISO/IEC 7816-15) on the card.
func (c *cps) pkcs15(content CPSContent, put func(path string, sfi byte, data []byte), authRef, signRef byte) {
	path := func(hexPath string) []byte {
		raw, err := hex.DecodeString(hexPath)
		if err != nil { // our own constants
			panic(err)
		}
		return tlv(0x30, tlv(0x04, raw))
	}
	text := func(s string) []byte { return tlv(0x0C, []byte(s)) }
	octet := func(b byte) []byte { return []byte{0x04, 1, b} }
	integer := func(n int) []byte {
		der, err := asn1.Marshal(n)
		if err != nil {
			panic(err)
		}
		return der
	}

	put(cpsDF+"5031", 0, join(tlv(0xA8, path(cpsDF+"7001")), tlv(0xA0, path(cpsDF+"7002")), tlv(0xA4, path(cpsDF+"7005")), tlv(0xA7, path(cpsDF+"7006"))))
	algorithm := tlv(0x30, integer(1), integer(algorithmRSAPKCS1), []byte{0x05, 0}, []byte{0x03, 2, 4, 0x50}, integer(2))
	put(cpsDF+"5032", 0, tlv(0x30, integer(0), text(cpsTokenMaker), tlv(0x80, []byte(content.Label)), []byte{0x03, 2, 4, 0x10}, tlv(0xA2, algorithm)))
	pin := tlv(0x30, tlv(0x30, text("Code porteur"), []byte{0x03, 2, 6, 0xC0}, octet(1)), tlv(0x30, octet(1)),
		tlv(0xA1, tlv(0x30, []byte{0x03, 2, 3, 0x08}, []byte{0x0A, 1, 1}, integer(MinPIN), integer(MaxPIN), integer(MaxPIN), []byte{0x80, 1, 1}, octet(0xFF), path("3f00"))))
	if content.Authentication == nil && content.Signature == nil {
		pin = []byte{} // nothing here needs it
	}
	put(cpsDF+"7001", 0, pin)

	var keys, certs []byte
	add := func(identity *Identity, label, certLabel string, id, ref byte, usage []byte, certFile string) {
		if identity == nil {
			return
		}
		keys = append(keys, tlv(0x30, tlv(0x30, text(label), []byte{0x03, 2, 7, 0x80}, octet(1)),
			tlv(0x30, octet(id), usage, integer(int(ref))), tlv(0xA1, tlv(0x30, path(cpsDF), integer(cpsKeyBits))))...)
		certs = append(certs, tlv(0x30, tlv(0x30, text(certLabel)), tlv(0x30, octet(id)), tlv(0xA1, tlv(0x30, path(certFile))))...)
		put(certFile, 0, identity.Cert.Raw)
	}
	add(content.Signature, "CPS_PRIV_SIG", "Certificat de Signature CPS", cpsSignID, signRef, []byte{0x03, 3, 6, 0x20, 0x40}, cpsSignCertFile)
	add(content.Authentication, "CPS_PRIV_AUT", "Certificat d'Authentification CPS", cpsAuthID, authRef, []byte{0x03, 2, 2, 0x64}, cpsAuthCertFile)
	if technical := content.Technical; technical != nil {
		keys = append(keys, tlv(0x30, tlv(0x30, text("CPS_PRIV_TECH_AUT")),
			tlv(0x30, octet(cpsTechnicalID), []byte{0x03, 2, 2, 0x64}, integer(cpsTechnicalRef)), tlv(0xA1, tlv(0x30, path(cpsDF), integer(cpsKeyBits))))...)
		certs = append(certs, tlv(0x30, tlv(0x30, text("Certificat Technique CPS")), tlv(0x30, octet(cpsTechnicalID)), tlv(0xA1, tlv(0x30, path(cpsTechnicalFile))))...)
		put(cpsTechnicalFile, 0, technical.Cert.Raw)
	}
	put(cpsDF+"7002", 0, keys)
	put(cpsDF+"7005", 0, certs)
	put(cpsDF+"7006", 0, []byte{})
}

func join(parts ...[]byte) []byte {
	var out []byte
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

func (c *cps) PIN() *PIN      { return c.pin }
func (c *cps) serial() string { return c.number }

func (c *cps) reset() {
	c.current, c.answer = "3f00", pending{}
	c.pin.forget()
}

// selectFile selects the file that a path names: as a whole, from the master file,
// or below the selected file.
func (c *cps) selectFile(data []byte) bool {
	path := hex.EncodeToString(data)
	for _, candidate := range []string{path, "3f00" + path, c.directory() + path} {
		if c.files[candidate] != nil && strings.HasPrefix(candidate, "3f00") {
			c.current = candidate
			return true
		}
	}
	return false
}

// directory is the dedicated file that is selected, or that holds the selected
// file.
func (c *cps) directory() string {
	if f := c.files[c.current]; f != nil && f.data == nil {
		return c.current
	}
	return c.current[:len(c.current)-4]
}

// control is the selected file's control parameters (ISO/IEC 7816-4, 5.3.3).
func (c *cps) control(tag uint32) []byte {
	f := c.files[c.current]
	id, err := hex.DecodeString(c.current[len(c.current)-4:])
	if err != nil { // our own paths
		panic(err)
	}
	access := tlv(0xA1, []byte{0x8C, 2, 1, 0}) // reading, always
	if f.data == nil {
		parts := [][]byte{{0x82, 1, 0x38}, tlv(0x83, id)}
		if f.aid != nil {
			parts = append(parts, tlv(0x84, f.aid))
		}
		return tlv(tag, append(parts, []byte{0x8A, 1, 5}, access)...)
	}
	parts := [][]byte{{0x80, 2, byte(len(f.data) >> 8), byte(len(f.data))}, {0x82, 1, 1}, tlv(0x83, id)}
	if f.sfi != 0 {
		parts = append(parts, []byte{0x88, 1, f.sfi << 3})
	}
	return tlv(tag, append(parts, []byte{0x8A, 1, 5}, access)...)
}

// readBinary reads the selected file, or the one with a short identifier.
func (c *cps) readBinary(cmd command) []byte {
	offset := int(cmd.p1)<<8 | int(cmd.p2)
	if cmd.p1&0x80 != 0 {
		offset = int(cmd.p2)
		found := false
		for path, f := range c.files {
			if f.sfi != 0 && f.sfi == cmd.p1&0x1F {
				c.current, found = path, true
			}
		}
		if !found {
			return swNotFound.bytes()
		}
	}
	f := c.files[c.current]
	if f.data == nil {
		return swConditions.bytes()
	}
	if offset >= len(f.data) {
		return swWrongOffset.bytes()
	}
	length := min(len(f.data)-offset, cpsMaxRead)
	if cmd.le > length {
		return (swWrongLe | word(length)).bytes()
	}
	return append(append([]byte(nil), f.data[offset:offset+cmd.le]...), swOK.bytes()...)
}

// verify is VERIFY; without data it asks for the PIN's state.
func (c *cps) verify(cmd command) []byte {
	if cmd.p1 != 0 || cmd.p2 != 1 {
		return swNoReference.bytes()
	}
	if len(cmd.data) == 0 {
		return c.pin.ask().bytes()
	}
	// Own choice: a PIN padded as the AODF says it is stored is accepted too, which
	// is how a reader with a PIN pad sends it for OpenSC.
	return c.pin.verify(bytes.TrimRight(cmd.data, "\xFF")).bytes()
}

// signPKCS1 pads (PKCS #1 v1.5, type 1) and applies the private key. hash is 0 for
// a DigestInfo made by the host.
func signPKCS1(key *rsa.PrivateKey, hash crypto.Hash, digest []byte) ([]byte, error) {
	return rsa.SignPKCS1v15(nil, key, hash, digest)
}
