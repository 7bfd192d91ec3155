package prompt

import (
	"net/url"
	"strings"
	"unicode"

	"github.com/cpx-bridge/cpx-bridge/internal/domain"
)

// Longest texts in a dialog, in characters. A text fills at most twice as many
// bytes on the line, so that all texts of a dialog together stay below maxLine.
const (
	maxName   = 60
	maxShort  = 20
	maxOrigin = 54 // fits on one line of GTK's window
	maxNotice = 400

	// In a window of our own, which has no limited line.
	maxLong = 120
	maxText = 20000
)

// blank are characters that look empty, though Unicode does not class them so.
const blank = "\u2800"

// safe makes text from outside safe to show: invisible characters (control
// characters, direction marks, zero-width ones) become U+FFFD, accents do not pile
// up over other lines, and of a long text the middle is left out.
func safe(text string, limit int) string {
	return shorten(flat(strings.Map(visible, text)), limit)
}

// mostAccents is the number of accents allowed on one letter; no name needs more.
const mostAccents = 3

// flat replaces accents beyond mostAccents by U+FFFD.
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

// Visible replaces invisible characters by U+FFFD, for texts from outside that are
// shown outside of dialogs.
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

// shorten leaves out the middle of a text, so that it has at most limit characters,
// in at most twice as many bytes of an Assuan line.
func shorten(text string, limit int) string {
	all := []rune(text)
	short := text
	for size := limit; len([]rune(short)) > limit || len(escape(short)) > 2*limit; size-- {
		head := (size - 1) / 2
		tail := size - 1 - head
		short = string(all[:min(head, len(all))]) + "…" + string(all[max(0, len(all)-tail):])
	}
	return short
}

// safeOrigin shortens an origin only before the registrable domain, by which a person
// knows a site. An origin is ASCII; anything else becomes U+FFFD.
func safeOrigin(text string) string {
	clean := strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return unicode.ReplacementChar
		}
		return r
	}, text)
	if short := shorten(clean, maxOrigin); short == clean {
		return clean
	}
	u, err := url.Parse(clean)
	if err != nil {
		return shorten(clean, maxOrigin)
	}
	host, domain := bracketed(u.Hostname()), domainOf(clean)
	if domain == "" || len(escape(domain)) > 2*maxOrigin {
		return shorten(clean, maxOrigin)
	}
	end := domain
	if u.Port() != "" {
		end += ":" + u.Port()
	}
	before := strings.TrimSuffix(host, domain)
	space := max(0, maxOrigin-len(u.Scheme)-len("://")-len("…")-len(end))
	if len(before) > space {
		before = "…" + before[len(before)-space:]
	}
	if short := u.Scheme + "://" + before + end; len(escape(short)) <= 2*maxOrigin {
		return short
	}
	return shorten(clean, maxOrigin)
}

// domainOf is the registrable domain of an origin as it stands in the text, "" where
// the text is no origin.
func domainOf(text string) string {
	u, err := url.Parse(text)
	if err != nil || !isASCII(u.Hostname()) {
		return ""
	}
	return bracketed(domain.OfHost(u.Hostname()))
}

// bracketed puts an IPv6 address back into the brackets that url.URL.Hostname took off.
func bracketed(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII })
}
