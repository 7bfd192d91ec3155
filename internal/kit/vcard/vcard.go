// Package vcard has virtual smart cards: they answer APDUs (ISO/IEC 7816-4) as a
// PIV card, a CPS3 or a CPS4 does, so that unmodified PKCS#11 modules use them on
// a virtual reader (package vreader).
//
// They are for demonstrations and tests, and never protect their keys. A card is
// for one goroutine at a time, its reader's; a card's PIN may be used
// concurrently.
package vcard

import (
	"crypto"
	"crypto/subtle"
	"crypto/x509"
	"sync"
)

// Card is a card as its reader sees it.
type Card interface {
	// ATR returns the card's answer to reset (ISO/IEC 7816-3).
	ATR() []byte
	// Protocol returns 0 for T=0, 1 for T=1.
	Protocol() int
	// Reset forgets what was selected and that the PIN was verified.
	Reset()
	// Transmit answers one command APDU.
	Transmit(command []byte) []byte
	// PIN returns the card's PIN.
	PIN() *PIN
}

// Serial returns the number of a card that has one, "" of another.
func Serial(c Card) string {
	if numbered, ok := c.(interface{ serial() string }); ok {
		return numbered.serial()
	}
	return ""
}

// Identity is a key on a card with its certificate.
type Identity struct {
	Key  crypto.Signer
	Cert *x509.Certificate
}

// PIN is a card's PIN with its try counter. Its methods may be called concurrently.
type PIN struct {
	mu        sync.Mutex
	value     []byte
	max       int
	remaining int
	verified  bool
	tries     int // wrong and right ones, for the card's whole life
}

// Length of a PIN, in characters (own choice; no public source states a real
// card's).
const (
	MinPIN = 4
	MaxPIN = 8
	// DefaultTries is how many wrong tries lock a PIN.
	DefaultTries = 3
)

// NewPIN makes a PIN that locks after that many wrong tries.
func NewPIN(value string, tries int) *PIN {
	return &PIN{value: []byte(value), max: tries, remaining: tries}
}

// verify is one try.
func (p *PIN) verify(shown []byte) word {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.remaining == 0 {
		return swLocked
	}
	p.tries++
	if subtle.ConstantTimeCompare(shown, p.value) != 1 {
		p.remaining--
		p.verified = false
		return p.status()
	}
	p.remaining, p.verified = p.max, true
	return swOK
}

// status is the answer about a PIN that is not verified.
func (p *PIN) status() word {
	if p.remaining == 0 {
		return swLocked
	}
	return swTriesLeft | word(p.remaining)
}

// ask is the answer to VERIFY without data.
func (p *PIN) ask() word {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.verified {
		return swOK
	}
	return p.status()
}

func (p *PIN) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.verified = false
}

// Verified reports whether the card would sign now.
func (p *PIN) Verified() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.verified
}

// TriesLeft returns how many tries are left.
func (p *PIN) TriesLeft() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.remaining
}

// Tries returns how many tries there have been, wrong and right.
func (p *PIN) Tries() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tries
}

// Change sets the PIN and restores all tries, as another program that uses the
// card may.
func (p *PIN) Change(value string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.value, p.remaining, p.verified = []byte(value), p.max, false
}

// SetTriesLeft sets how many tries are left; 0 locks the PIN.
func (p *PIN) SetTriesLeft(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.remaining = min(n, p.max)
	p.verified = p.verified && n > 0
}

// word is a status word (ISO/IEC 7816-4, 5.6).
type word uint16

const (
	swOK               word = 0x9000
	swMore             word = 0x6100 // with the number of bytes
	swTriesLeft        word = 0x63C0 // with the number of tries
	swWrongLength      word = 0x6700
	swChainingExpected word = 0x6883
	swNotAllowed       word = 0x6982
	swLocked           word = 0x6983
	swConditions       word = 0x6985
	swWrongData        word = 0x6A80
	swNotFound         word = 0x6A82
	swWrongP1P2        word = 0x6A86
	swNoReference      word = 0x6A88
	swWrongOffset      word = 0x6B00
	swWrongLe          word = 0x6C00 // with the available length
	swUnknownINS       word = 0x6D00
	swUnknownCLA       word = 0x6E00
	swFailed           word = 0x6F00
)

func (w word) bytes() []byte { return []byte{byte(w >> 8), byte(w)} }

// command is a short command APDU.
type command struct {
	cla, ins, p1, p2 byte
	data             []byte
	le               int // 0 for none; 256 for a byte of zero
}

func parse(raw []byte) (command, bool) {
	if len(raw) < 4 {
		return command{}, false
	}
	c := command{cla: raw[0], ins: raw[1], p1: raw[2], p2: raw[3]}
	body := raw[4:]
	expected := func(b byte) int {
		if b == 0 {
			return 256
		}
		return int(b)
	}
	switch {
	case len(body) == 0:
	case len(body) == 1:
		c.le = expected(body[0])
	case int(body[0]) == len(body)-1:
		c.data = body[1:]
	case int(body[0]) == len(body)-2:
		c.data, c.le = body[1:len(body)-1], expected(body[len(body)-1])
	default:
		return command{}, false
	}
	return c, true
}

// tlv encodes one data object, with a definite length (ISO/IEC 8825-1).
func tlv(tag uint32, parts ...[]byte) []byte {
	var value []byte
	for _, p := range parts {
		value = append(value, p...)
	}
	var out []byte
	for shift := 24; shift >= 0; shift -= 8 {
		if b := byte(tag >> shift); b != 0 || len(out) > 0 {
			out = append(out, b)
		}
	}
	switch n := len(value); {
	case n < 0x80:
		out = append(out, byte(n))
	case n < 0x100:
		out = append(out, 0x81, byte(n))
	default:
		out = append(out, 0x82, byte(n>>8), byte(n))
	}
	return append(out, value...)
}

// next reads the first data object: its tag, its value and what follows.
func next(in []byte) (tag uint32, value, rest []byte, ok bool) {
	if len(in) == 0 {
		return 0, nil, nil, false
	}
	tag, in = uint32(in[0]), in[1:]
	if tag&0x1F == 0x1F {
		for more := true; more; in = in[1:] {
			if len(in) == 0 {
				return 0, nil, nil, false
			}
			tag, more = tag<<8|uint32(in[0]), in[0]&0x80 != 0
		}
	}
	if len(in) == 0 {
		return 0, nil, nil, false
	}
	n, in := int(in[0]), in[1:]
	if n > 0x80 {
		octets := n & 0x7F
		if octets > 2 || len(in) < octets {
			return 0, nil, nil, false
		}
		n = 0
		for range octets {
			n, in = n<<8|int(in[0]), in[1:]
		}
	}
	if n > len(in) {
		return 0, nil, nil, false
	}
	return tag, in[:n], in[n:], true
}

// pending is a long answer that is fetched with GET RESPONSE.
type pending struct{ rest []byte }

// start returns the first part of an answer: le bytes of it, none for 0.
func (p *pending) start(answer []byte, le int) []byte {
	p.rest = answer
	return p.more(le)
}

func (p *pending) more(le int) []byte {
	n := min(le, len(p.rest))
	out := append([]byte(nil), p.rest[:n]...)
	p.rest = p.rest[n:]
	if n := len(p.rest); n > 0 {
		return append(out, (swMore | word(min(n, 0xFF))).bytes()...)
	}
	return append(out, swOK.bytes()...)
}
