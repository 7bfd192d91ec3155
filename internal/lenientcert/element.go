package lenientcert

import (
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// element is one of ASN.1: its tag's octet, its content, and both with the length.
type element struct {
	tag           byte
	content, full []byte
}

// next reads the element that begins in, which must have the tag unless that is 0.
// Lengths may have more octets than they need.
func next(in []byte, tag byte) (e element, rest []byte, ok bool) {
	const longForm, mostOctets, highTag = 0x80, 4, 0x1f
	if len(in) < 2 || in[0]&highTag == highTag || tag != 0 && in[0] != tag {
		return e, in, false
	}
	n, head := int(in[1]), 2
	if n >= longForm {
		octets := n &^ longForm
		if octets == 0 || octets > mostOctets || len(in) < head+octets {
			return e, in, false
		}
		n = 0
		for _, b := range in[head : head+octets] {
			n = n<<8 | int(b)
		}
		head += octets
	}
	if n < 0 || n > len(in)-head {
		return e, in, false
	}
	return element{in[0], in[head : head+n], in[:head+n]}, in[head+n:], true
}

// encode is the element in DER.
func encode(tag byte, content []byte) []byte {
	n := len(content)
	switch {
	case n < 0x80:
		return append([]byte{tag, byte(n)}, content...)
	case n < 1<<8:
		return append([]byte{tag, 0x81, byte(n)}, content...)
	case n < 1<<16:
		return append([]byte{tag, 0x82, byte(n >> 8), byte(n)}, content...)
	}
	return append([]byte{tag, 0x83, byte(n >> 16), byte(n >> 8), byte(n)}, content...)
}

// mostAttributes bounds a name.
const mostAttributes = 100

// name is the Name (X.501, 9.2) with its texts as UTF8String, so that any reader of
// names shows them. It ends where it cannot be read.
func name(in []byte) []byte {
	var sets []byte
	n := 0
	for len(in) > 0 && n < mostAttributes {
		set, rest, ok := next(in, tagSet)
		if !ok {
			break
		}
		in = rest
		var attributes []byte
		for within := set.content; len(within) > 0 && n < mostAttributes; n++ {
			var pair element
			if pair, within, ok = next(within, tagSequence); !ok {
				break
			}
			oid, rest, isOID := next(pair.content, tagOID)
			value, _, isValue := next(rest, 0)
			if !isOID || !isValue {
				continue
			}
			if text, is := textOf(value); is {
				value.full = encode(tagUTF8String, []byte(text))
			}
			attributes = append(attributes, encode(tagSequence, append(encode(tagOID, oid.content), value.full...))...)
		}
		sets = append(sets, encode(tagSet, attributes)...)
	}
	return encode(tagSequence, sets)
}

// textOf decodes a string, whatever its type permits. Octets that are no UTF-8 are
// Latin-1: it is what issuers write where they should not.
func textOf(e element) (string, bool) {
	var runes []rune
	switch b := e.content; e.tag {
	case tagUTF8String, tagNumericString, tagPrintableString, tagT61String, tagIA5String, tagVisibleString:
		if utf8.Valid(b) {
			return string(b), true
		}
		for _, octet := range b {
			runes = append(runes, rune(octet))
		}
	case tagBMPString:
		var units []uint16
		for ; len(b) >= 2; b = b[2:] {
			units = append(units, uint16(b[0])<<8|uint16(b[1]))
		}
		runes = utf16.Decode(units)
	case tagUniversalString:
		for ; len(b) >= 4; b = b[4:] {
			runes = append(runes, rune(uint32(b[0])<<24|uint32(b[1])<<16|uint32(b[2])<<8|uint32(b[3])))
		}
	default:
		return "", false
	}
	return string(runes), true // a rune that is none becomes U+FFFD
}

// validity reads both times; one that cannot be read is the zero one.
func validity(in []byte) (from, to time.Time) {
	first, rest, _ := next(in, 0)
	second, _, _ := next(rest, 0)
	return timeOf(first), timeOf(second)
}

func timeOf(e element) time.Time {
	layouts := map[byte][]string{
		tagUTCTime:         {"060102150405Z0700", "0601021504Z0700"},
		tagGeneralizedTime: {"20060102150405Z0700", "200601021504Z0700", "20060102150405.999999999Z0700"},
	}
	for _, layout := range layouts[e.tag] {
		t, err := time.Parse(layout, string(e.content))
		if err != nil {
			continue
		}
		if e.tag == tagUTCTime && t.Year() >= 2050 { // RFC 5280, 4.1.2.5.1
			t = t.AddDate(-100, 0, 0)
		}
		return t.UTC()
	}
	return time.Time{}
}
