//go:build !linux

package peer

import "net/netip"

// Supported says whether there is a check for this platform.
func Supported() bool { return false }

// Owner fails: without the check nobody may be let in.
func Owner(_, _ netip.AddrPort) (Identity, error) { return Identity{}, ErrUnsupported }
