package prompt

import (
	"net/url"
	"strings"
	"unicode"

	"github.com/cpx-bridge/cpx-bridge/internal/domain"
	"github.com/cpx-bridge/cpx-bridge/internal/visible"
)

// Longest texts in a dialog, in characters. A text fills at most twice as many
// bytes on the line, so that all texts of a dialog together stay below maxLine.
const (
	maxName   = 60
	maxShort  = 20
	maxOrigin = 54 // fits on one line of GTK's window
	maxNotice = 400
	maxDomain = 253 // no host is longer

	// In a window of our own, which has no limited line.
	maxLong = 120
	maxPath = 480
	maxText = 20000
)

// safe makes text from outside safe to show, and leaves out the middle of a long one.
func safe(text string, limit int) string { return shorten(visible.Text(text), limit) }

// safeLines is safe for a text of several lines.
func safeLines(text string, limit int) string {
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	for i, line := range lines {
		lines[i] = visible.Text(strings.ReplaceAll(line, "\t", "    "))
	}
	return shorten(strings.Join(lines, "\n"), limit)
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
