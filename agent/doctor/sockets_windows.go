package doctor

import (
	"net/netip"
	"slices"

	"github.com/cpx-bridge/cpx-bridge/agent/peer"
)

// Sockets returns who listens on the ports, of all accounts and sessions.
func Sockets(ports []int) ([]Socket, error) {
	listeners, err := peer.Listeners()
	if err != nil {
		return nil, err
	}
	var list []Socket
	for _, l := range listeners {
		if port := int(l.Address.Port()); slices.Contains(ports, port) && conflicts(l.Address.Addr()) {
			list = append(list, Socket{port, l.Own, l.Account, l.Session, l.Image, int(l.PID)})
		}
	}
	return list, nil
}

// conflicts reports whether a listener on this address is reached where the agent
// listens.
func conflicts(a netip.Addr) bool {
	return a.IsUnspecified() || a == netip.AddrFrom4([4]byte{127, 0, 0, 1}) || a == netip.IPv6Loopback()
}

// closed finds no agent: the list of who listens has closed processes too.
func closed() []Process { return nil }
