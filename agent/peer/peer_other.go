//go:build !linux && !windows

package peer

import "net/netip"

// Check fails: this platform has no look-up yet.
func Check() error { return ErrUnsupported }

// Owner fails: without the check nobody may be let in.
func Owner(_, _ netip.AddrPort) (Identity, error) { return Identity{}, ErrUnsupported }
