package browsers

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/agent/policy"
)

// entry is one origin, or all subdomains of one domain.
type entry struct {
	text string
	policy.Entry
}

func parseEntries(origins []string) ([]entry, error) {
	var entries []entry
	for _, text := range origins {
		e, err := parseEntry(text)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(entries, e) {
			entries = append(entries, e)
		}
	}
	return entries, nil
}

func parseEntry(text string) (entry, error) {
	e, err := policy.ParseEntry(text)
	if err != nil {
		return entry{}, err
	}
	if e.Loopback {
		return entry{}, fmt.Errorf("%w: %s: a page on this machine is never asked", ErrInexpressible, text)
	}
	return entry{text, e}, nil
}

// chromium is the entry's pattern for the Chromium-based browsers. The port is
// always written: without one the pattern covers every port. [*.] includes the
// domain itself, which our wildcard does not; no pattern is narrower.
func (e entry) chromium() string {
	host := e.Host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if e.Wildcard {
		host = "[*.]" + host
	}
	return "https://" + host + ":" + strconv.Itoa(e.Port)
}

// firefox is the entry's form in SkipDomains. It has neither scheme nor port, *.
// includes the domain itself, and the domain may then reach the local network too.
func (e entry) firefox() string {
	if e.Wildcard {
		return "*." + e.Host
	}
	return e.Host
}

// pattern is a URL pattern of the Chromium-based browsers, as far as we know its form.
type pattern struct {
	host string // "*" covers all
	wild bool   // covers the host and all below it
	port string // "": every port
}

func parsePattern(text string) (p pattern, ok bool) {
	if text == "*" {
		return pattern{host: "*"}, true
	}
	if scheme, rest, has := strings.Cut(text, "://"); has {
		if scheme != "https" && scheme != "*" {
			return p, false
		}
		text = rest
	}
	text, _, _ = strings.Cut(text, "/")
	p.host = text
	// A colon inside brackets is part of an address, [*.] has none.
	if i := strings.LastIndexByte(text, ':'); i > strings.LastIndexByte(text, ']') {
		p.host, p.port = text[:i], text[i+1:]
	}
	if p.port == "*" {
		p.port = ""
	}
	if domain, has := strings.CutPrefix(p.host, "[*.]"); has {
		p.host, p.wild = domain, true
	} else if address, has := strings.CutPrefix(p.host, "["); has {
		p.host = strings.TrimSuffix(address, "]")
	}
	p.host = strings.ToLower(p.host)
	return p, p.host != ""
}

func (p pattern) onPortOf(e entry) bool { return p.port == "" || p.port == strconv.Itoa(e.Port) }

// chromiumCovers reports whether a pattern of anyone's covers all of the entry. A
// pattern of unknown form covers nothing.
func chromiumCovers(text string, e entry) bool {
	p, ok := parsePattern(text)
	switch {
	case !ok || !p.onPortOf(e):
		return false
	case p.host == "*":
		return true
	case p.wild:
		return under(e, p.host)
	}
	return !e.Wildcard && p.host == e.Host
}

// chromiumTouches reports whether a pattern covers all or a part of the entry.
func chromiumTouches(text string, e entry) bool {
	p, ok := parsePattern(text)
	return ok && p.onPortOf(e) && (chromiumCovers(text, e) || e.Wildcard && (strings.HasSuffix(p.host, "."+e.Host) || p.wild && p.host == e.Host))
}

// chromiumLists are the policies of a Chromium-based browser.
type chromiumLists struct{ allowed, blocked []string }

// allows reports whether the lists permit all of the entry.
func (l chromiumLists) allows(e entry) bool { return coveredBy(l.allowed, chromiumCovers)(e) }

// blocks reports whether the lists may forbid a part of the entry. Of two patterns
// the narrower one wins, of two equal ones the block: so our own pattern wins over
// each wider one. Others' permissions are not weighed: the answer may be too strict.
func (l chromiumLists) blocks(e entry) bool {
	ours := slices.Contains(l.allowed, e.chromium())
	return slices.ContainsFunc(l.blocked, func(text string) bool {
		wider := chromiumCovers(text, e) && strings.TrimSuffix(text, "/") != e.chromium()
		return chromiumTouches(text, e) && !(ours && wider)
	})
}

// firefoxCovers is chromiumCovers for SkipDomains.
func firefoxCovers(pattern string, e entry) bool {
	if pattern == "*" {
		return true
	}
	if domain, ok := strings.CutPrefix(pattern, "*."); ok {
		return under(e, domain)
	}
	return !e.Wildcard && pattern == e.Host
}

// under reports whether all of the entry is the domain or below it.
func under(e entry, domain string) bool {
	if _, err := netip.ParseAddr(e.Host); err == nil || domain == "" {
		return false
	}
	domain = strings.ToLower(domain)
	return e.Host == domain || strings.HasSuffix(e.Host, "."+domain)
}
