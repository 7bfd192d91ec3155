// Package reference makes and reads the references of failures: six characters that a
// person reads out over the telephone, and that stand the same in the agent's dialogs, the
// page, the log and the report of `cpx-agent doctor`. A reference is random, and so says
// nothing of the person, the card, the site or the time.
//
// Everything here may be called concurrently. The package remembers no reference: that one
// is drawn twice among a workstation's failures is as unlikely as it need be, since the
// time stands beside each.
package reference

import (
	"crypto/rand"
	"slices"
	"strings"
	"unicode"
)

// Key is the key of the log's attribute. It is also the member of an error's data.
const Key = "reference"

// Length is how many characters a reference has.
const Length = 6

// The characters of a reference. Of those that are mistaken for one another by eye or by
// ear, in French or in English, one at most is among them, and none that reads as a vowel
// of a word:
//
//   - by eye: 0 O D Q, 1 I L J, 2 Z, 5 S, 6 G C, 8 B 3, U V Y, VV W;
//   - by ear: B C D E G P T V Z (of which P is in), F S, M N, K A J H-8, Q K,
//     I Y, 5 and 9 ("five", "nine"), G and J, whose names French and English exchange.
const (
	letters  = "FHKMPRWX"
	digits   = "234679"
	alphabet = letters + digits
)

// New draws a reference.
func New() string {
	for {
		var b [Length]byte
		for i := range b {
			b[i] = draw()
		}
		if clear(string(b[:])) {
			return string(b[:])
		}
	}
}

// draw draws one character, each as likely as any other.
func draw() byte {
	var one [1]byte
	for {
		_, _ = rand.Read(one[:]) // it never fails
		if n := int(one[0]); n < 256/len(alphabet)*len(alphabet) {
			return alphabet[n%len(alphabet)]
		}
	}
}

// clear reports whether a reference is heard as it is written. Two digits in a row are read
// as a number, 77 in French as "soixante-dix-sept", and two equal letters as "double". One
// digit at least tells a reference from a word.
func clear(text string) bool {
	for i := 1; i < len(text); i++ {
		if text[i] == text[i-1] || isDigit(text[i]) && isDigit(text[i-1]) {
			return false
		}
	}
	return strings.ContainsAny(text, digits)
}

func isDigit(c byte) bool { return strings.IndexByte(digits, c) >= 0 }

// Is reports whether a text is a reference as New writes it.
func Is(text string) bool {
	return len(text) == Length && strings.Trim(text, alphabet) == "" && clear(text)
}

// alike are characters that no reference has, with the one that was meant.
var alike = map[rune]rune{
	'8': '3', 'N': 'M', 'S': 'F', 'T': 'P', 'B': 'P', 'Z': '2', 'G': '6', 'C': '6', 'Q': 'K', 'V': 'W', 'Y': 'X',
}

// Read is the reference that a person wrote down: in any letter case, with spaces, hyphens
// or dots in it, and with a character in the place of one that is mistaken for it. "" where
// it is none.
func Read(said string) string {
	var b strings.Builder
	for _, r := range strings.ToUpper(said) {
		switch to, is := alike[r]; {
		case is:
			b.WriteRune(to)
		case unicode.IsLetter(r), unicode.IsDigit(r):
			b.WriteRune(r)
		case !unicode.IsSpace(r) && !unicode.IsPunct(r):
			return ""
		}
	}
	if text := b.String(); Is(text) {
		return text
	}
	return ""
}

// In are the references in a text, such as a line of the log, in their order.
func In(text string) []string {
	parts := strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	return slices.DeleteFunc(parts, func(part string) bool { return !Is(part) })
}
