package doctor

import (
	"regexp"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

const (
	anyMarks = `\p{M}*`
	// mangled is a letter with an accent after a program took it for another character set:
	// a byte that is no text, a question mark, or UTF-8 that was read as Latin-1.
	mangled = `[\x{fffd}?]|\x{c3}.`
)

// nameForm matches a name however a program writes it: in capitals, without its accents or
// with accents of their own characters, with another hyphen, apostrophe or space.
func nameForm(name string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString("(?i)")
	parts := []rune(norm.NFD.String(name))
	for i, r := range parts {
		marked := i+1 < len(parts) && unicode.IsMark(parts[i+1])
		switch base := unicode.ToLower(r); {
		case unicode.IsMark(r): // any accent, or none, is in the letter's form
		case base >= 'a' && base <= 'z' && marked:
			b.WriteString("(?:[" + string(base) + accented()[base] + "]" + anyMarks + "|" + mangled + ")")
		case base >= 'a' && base <= 'z':
			b.WriteString("[" + string(base) + accented()[base] + "]" + anyMarks)
		case unicode.IsSpace(r):
			b.WriteString(`[\s_\x{a0}\x{202f}\x{fffd}]+`)
		case strings.ContainsRune("-\u2010\u2011\u2013", r):
			b.WriteString(`[-_\s\x{2010}\x{2011}\x{2013}]`)
		case r == '\'' || r == '\u2019':
			b.WriteString(`['\x{2019}\s]`)
		default:
			b.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	return regexp.MustCompile(b.String())
}

// accented are the characters that are a letter with accents, by the letter.
var accented = sync.OnceValue(func() map[rune]string {
	all := map[rune]string{}
	for _, block := range [][2]rune{{0xC0, 0x24F}, {0x1E00, 0x1EFF}} {
		for r := block[0]; r <= block[1]; r++ {
			parts := []rune(norm.NFD.String(string(r)))
			if base := unicode.ToLower(parts[0]); len(parts) > 1 && base >= 'a' && base <= 'z' {
				all[base] += string(r)
			}
		}
	}
	return all
})
