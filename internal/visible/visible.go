// Package visible makes texts from outside, such as the names in a certificate, safe to
// show: what would hide, turn round or cover what stands beside it becomes a character
// that is seen. It is the one function that does so, for windows, menus, pages,
// terminals, logs and messages.
//
// Letters that look like others stay as they are. Its functions may be called
// concurrently.
package visible

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
)

// Text is the text in one line, without control characters, line ends, direction marks and
// characters of no width, each of which becomes U+FFFD, as do accents that pile up over
// other lines.
func Text(text string) string {
	accents := 0
	return strings.Map(func(r rune) rune {
		switch {
		case hidden(r):
			accents = 0
			return unicode.ReplacementChar
		case !unicode.In(r, unicode.Mn, unicode.Me):
			accents = 0
		default:
			if accents++; accents > mostAccents {
				return unicode.ReplacementChar
			}
		}
		return r
	}, text)
}

// Short is Text with the middle left out of one that has more than limit characters.
func Short(text string, limit int) string {
	all := []rune(Text(text))
	if len(all) <= limit {
		return string(all)
	}
	head := (limit - 1) / 2
	return string(all[:head]) + "…" + string(all[len(all)-(limit-1-head):])
}

// Escaped is JSON in ASCII, in which each other character stands as its escape: programs read
// the same text whatever character set they take it for, as Windows PowerShell 5.1 takes it for
// another than ours, and people see what is in it.
func Escaped(json string) string {
	var out strings.Builder
	for _, r := range json {
		if r > '~' {
			escape(&out, r)
			continue
		}
		out.WriteRune(r)
	}
	return out.String()
}

// mostAccents is the number of accents allowed on one letter; no name needs more.
const mostAccents = 3

// blank are characters that look empty, though Unicode does not class them so.
const blank = "\u2800"

func hidden(r rune) bool {
	return !unicode.IsPrint(r) || strings.ContainsRune(blank, r) ||
		unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// escape writes the escape of a character in JSON (RFC 8259, 7).
func escape(out *strings.Builder, r rune) {
	units := []rune{r}
	if high, low := utf16.EncodeRune(r); high != unicode.ReplacementChar {
		units = []rune{high, low}
	}
	for _, unit := range units {
		fmt.Fprintf(out, `\u%04x`, unit)
	}
}
