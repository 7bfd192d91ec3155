// Package network says where a request comes from, behind proxies too. A [Proxies] may be used
// concurrently. It never believes a header that the operator's own proxies did not write.
package network

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Proxies are the networks of the operator's own proxies.
type Proxies []netip.Prefix

// Parse reads addresses and networks, such as "192.0.2.1" and "2001:db8::/32".
func Parse(list []string) (Proxies, error) {
	var p Proxies
	for _, text := range list {
		if a, err := netip.ParseAddr(text); err == nil {
			p = append(p, netip.PrefixFrom(a, a.BitLen()))
			continue
		}
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, err
		}
		p = append(p, network.Masked())
	}
	return p, nil
}

func (p Proxies) has(a netip.Addr) bool {
	return slices.ContainsFunc(p, func(n netip.Prefix) bool { return n.Contains(a) })
}

// Address is where the request comes from: the nearest address of X-Forwarded-For that is no
// proxy of the operator's, where one of these sent the request; else who sent it. What stands
// further on in that header anybody can have written.
func (p Proxies) Address(r *http.Request) string {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	at := peer.Addr().Unmap().WithZone("")
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && p.has(at); i-- {
		next, err := hop(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		at = next
	}
	return at.String()
}

// hop is an address of the header; some proxies write a port too.
func hop(text string) (netip.Addr, error) {
	if with, err := netip.ParseAddrPort(text); err == nil {
		return with.Addr().Unmap().WithZone(""), nil
	}
	a, err := netip.ParseAddr(strings.Trim(text, "[]"))
	return a.Unmap().WithZone(""), err
}
