package badcerts

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Hostile are names, by what they do, that a malicious issuer could write into a
// certificate: each is TEST, and none may reach a person as it stands.
func Hostile() map[string]string {
	return map[string]string{
		"turned round":   "TEST \u202eDNARUD ennA",
		"isolated":       "TEST \u2066Anne\u2069 DURAND",
		"of no width":    "TEST An\u200dne\u200b DURAND",
		"two lines":      "TEST Anne\nCard accepted",
		"carriage":       "TEST Anne\rDURAND",
		"NUL":            "TEST Anne\x00DURAND",
		"terminal":       "TEST \x1b[2K\x1b[1ADURAND",
		"C1 terminal":    "TEST \u009b2KDURAND",
		"piled accents":  "TEST Z" + strings.Repeat("\u0301", 200) + " DURAND",
		"long":           "TEST " + strings.Repeat("DURAND", 667) + "\u202e",
		"tags":           "TEST Anne\U000e0041\U000e0042",
		"look like none": "TEST \u3164\u2800\u00ad DURAND",
	}
}

// Hides reports what of a text would hide, turn round or cover other text, "" where
// nothing does. It stands apart from what the product uses to prevent that. Line ends are
// for who shows several lines, as is a blank.
func Hides(text string) string {
	marks := 0
	for _, r := range text {
		if unicode.Is(unicode.M, r) {
			if marks++; marks > 3 {
				return "accents that pile up"
			}
			continue
		}
		marks = 0
		switch {
		case r == '\n', r == ' ', r == '\u00a0', r == '\u202f': // the spaces of our own typography
		case r == utf8.RuneError:
		case r < ' ', r >= 0x7f && r < 0xa0:
			return "a control character"
		case strings.ContainsRune("\u00ad\u061c\u115f\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\u2800\u3164\ufeff", r), r >= 0xe0000 && r < 0xe0080:
			return "an invisible character or direction mark"
		}
	}
	return ""
}
