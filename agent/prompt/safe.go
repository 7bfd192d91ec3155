package prompt

import (
	"net/url"
	"strings"
	"unicode"

	"golang.org/x/net/publicsuffix"
)

// Longest texts in a dialog, in characters. A text takes at most twice as many
// bytes on the line, so that all of a dialog's together stay below maxLine.
const (
	maxName   = 60
	maxShort  = 20
	maxOrigin = 54 // what GTK shows on one line
	maxTold   = 400

	// In a window of our own, which has no such line.
	maxLong = 120
	maxText = 20000
)

// blank are characters that a font shows as nothing without Unicode calling
// them so.
const blank = "\u2800"

// safe makes text from outside fit to show: what a person would not see (control
// characters, direction marks, zero-width ones) becomes U+FFFD, accents do not
// pile up over other lines, and long text is cut in the middle.
func safe(text string, limit int) string {
	return shorten(flat(strings.Map(visible, text)), limit)
}

// mostAccents on one letter are more than any name needs.
const mostAccents = 3

// flat makes U+FFFD of the accents beyond.
func flat(text string) string {
	accents := 0
	return strings.Map(func(r rune) rune {
		if !unicode.In(r, unicode.Mn, unicode.Me) {
			accents = 0
			return r
		}
		if accents++; accents > mostAccents {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// Visible makes what a person would not see U+FFFD: for texts from outside that
// are shown elsewhere than in a dialog.
func Visible(text string) string { return strings.Map(visible, text) }

// safeLines is safe for a text of several lines.
func safeLines(text string, limit int) string {
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	for i, line := range lines {
		lines[i] = flat(strings.Map(visible, strings.ReplaceAll(line, "\t", "    ")))
	}
	return shorten(strings.Join(lines, "\n"), limit)
}

func visible(r rune) rune {
	hidden := !unicode.IsPrint(r) || strings.ContainsRune(blank, r) ||
		unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
	if hidden {
		return unicode.ReplacementChar
	}
	return r
}

// shorten cuts the middle out of a text until it has at most limit characters,
// in at most twice as many bytes of an Assuan line.
func shorten(text string, limit int) string {
	all := []rune(text)
	short := text
	for keep := limit; len([]rune(short)) > limit || len(escape(short)) > 2*limit; keep-- {
		head := (keep - 1) / 2
		tail := keep - 1 - head
		short = string(all[:min(head, len(all))]) + "…" + string(all[max(0, len(all)-tail):])
	}
	return short
}

// safeOrigin shortens an origin at its beginning only, so that the registrable
// domain, by which a person knows a site, always stands there whole. An origin
// is ASCII; anything else becomes U+FFFD.
func safeOrigin(origin string) string {
	clean := strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return unicode.ReplacementChar
		}
		return r
	}, origin)
	if short := shorten(clean, maxOrigin); short == clean {
		return clean
	}
	u, err := url.Parse(clean)
	if err != nil {
		return shorten(clean, maxOrigin)
	}
	host, domain := u.Hostname(), domainOf(clean)
	if domain == "" || len(escape(domain)) > 2*maxOrigin {
		return shorten(clean, maxOrigin)
	}
	end := domain
	if u.Port() != "" {
		end += ":" + u.Port()
	}
	before := strings.TrimSuffix(host, domain)
	room := max(0, maxOrigin-len(u.Scheme)-len("://")-len("…")-len(end))
	if len(before) > room {
		before = "…" + before[len(before)-room:]
	}
	if short := u.Scheme + "://" + before + end; len(escape(short)) <= 2*maxOrigin {
		return short
	}
	return shorten(clean, maxOrigin)
}

// domainOf is the registrable domain of an origin, "" where it has none.
func domainOf(origin string) string {
	u, err := url.Parse(origin)
	if err != nil || !isASCII(u.Hostname()) {
		return ""
	}
	domain, err := publicsuffix.EffectiveTLDPlusOne(u.Hostname())
	if err != nil {
		return ""
	}
	return domain
}

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII })
}
