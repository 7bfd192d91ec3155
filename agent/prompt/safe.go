package prompt

import (
	"net/url"
	"strings"
	"unicode"

	"golang.org/x/net/publicsuffix"
)

const (
	maxName   = 60 // characters of a name in a dialog
	maxOrigin = 70
)

// safe makes text from outside fit to show: what a person would not see (control
// characters, direction marks, zero-width ones) becomes U+FFFD, and long text
// is cut in the middle.
func safe(text string, limit int) string {
	clean := []rune(strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) || unicode.Is(unicode.Cf, r) {
			return unicode.ReplacementChar
		}
		return r
	}, text))
	if len(clean) <= limit {
		return string(clean)
	}
	head := (limit - 1) / 2
	tail := limit - 1 - head
	return string(clean[:head]) + "…" + string(clean[len(clean)-tail:])
}

// safeOrigin shortens an origin at its beginning only, so that the registrable
// domain, by which a person knows a site, always stands there whole.
func safeOrigin(origin string) string {
	clean := safe(origin, 4*maxOrigin)
	if len([]rune(clean)) <= maxOrigin {
		return clean
	}
	u, err := url.Parse(origin)
	if err != nil {
		return safe(origin, maxOrigin)
	}
	domain, err := publicsuffix.EffectiveTLDPlusOne(u.Hostname())
	if err != nil {
		return safe(origin, maxOrigin)
	}
	before, _ := strings.CutSuffix(u.Hostname(), domain)
	room := max(0, maxOrigin-len(u.Scheme)-len("://…")-len(domain)-len(u.Port())-1)
	if len(before) > room {
		before = "…" + before[len(before)-room:]
	}
	short := u.Scheme + "://" + before + domain
	if u.Port() != "" {
		short += ":" + u.Port()
	}
	return short
}
