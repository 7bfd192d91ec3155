// Package domain says whose a site is: by its registrable domain, the public suffix
// and the label before it, because whoever owns that owns each name below it. What a
// site must not have more of for owning many names is counted by it.
//
// The list is that of golang.org/x/net, as old as this module's requirement of it. Its
// private suffixes count (github.io), so each customer of such a host is a domain of
// their own. Nobody is asked over the network, and all functions may be called
// concurrently.
//
// It is no part of package origin, which portals build with the standard library alone.
package domain

import (
	"net/netip"

	"golang.org/x/net/publicsuffix"

	"github.com/cpx-bridge/cpx-bridge/internal/origin"
)

// Of returns the registrable domain of an origin's host, without scheme and port.
func Of(o origin.Origin) string { return OfHost(o.Host()) }

// OfHost returns the registrable domain of a host. An address, a single label and a
// bare public suffix are themselves, and so is what is no host.
func OfHost(host string) string {
	if _, err := netip.ParseAddr(host); err == nil {
		return host
	}
	domain, err := publicsuffix.EffectiveTLDPlusOne(host)
	if err != nil {
		return host
	}
	return domain
}

// IsPublicSuffix reports whether an origin's host is one under which anyone can have a
// site, or a single label.
func IsPublicSuffix(o origin.Origin) bool {
	suffix, _ := publicsuffix.PublicSuffix(o.Host())
	return !o.IsIP() && suffix == o.Host()
}
