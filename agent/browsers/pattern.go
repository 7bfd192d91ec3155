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
		return entry{}, fmt.Errorf("%w: %s: a page on this machine is never asked", ErrUnsayable, text)
	}
	return entry{text, e}, nil
}

// chromium is the pattern of the Chromium-based browsers. The port is always
// spelled out: without one the pattern stands for every port. [*.] takes in the
// domain itself, which our wildcard does not; there is no way to say less.
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

// firefox is the entry of SkipDomains. It has neither scheme nor port, *. takes
// in the domain itself, and the domain may then reach the local network too.
func (e entry) firefox() string {
	if e.Wildcard {
		return "*." + e.Host
	}
	return e.Host
}

// chromiumCovers tells whether a pattern in someone's list stands for all of the
// entry. What it does not understand covers nothing.
func chromiumCovers(pattern string, e entry) bool {
	if pattern == "*" {
		return true
	}
	if scheme, rest, ok := strings.Cut(pattern, "://"); ok {
		if scheme != "https" && scheme != "*" {
			return false
		}
		pattern = rest
	}
	pattern, _, _ = strings.Cut(pattern, "/")
	host, port := pattern, ""
	// A colon inside brackets is part of an address, [*.] has none.
	if i := strings.LastIndexByte(pattern, ':'); i > strings.LastIndexByte(pattern, ']') {
		host, port = pattern[:i], pattern[i+1:]
	}
	if port != "" && port != "*" && port != strconv.Itoa(e.Port) {
		return false
	}
	if host == "*" {
		return true
	}
	if domain, ok := strings.CutPrefix(host, "[*.]"); ok {
		return under(e, domain)
	}
	if address, ok := strings.CutPrefix(host, "["); ok {
		host = strings.TrimSuffix(address, "]")
	}
	return !e.Wildcard && strings.EqualFold(host, e.Host)
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

// under tells whether all of the entry is the domain or below it.
func under(e entry, domain string) bool {
	if _, err := netip.ParseAddr(e.Host); err == nil || domain == "" {
		return false
	}
	domain = strings.ToLower(domain)
	return e.Host == domain || strings.HasSuffix(e.Host, "."+domain)
}
