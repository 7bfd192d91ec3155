//go:build !linux

package peer

import "net/netip"

// OwnerInSession is Owner, which distinguishes the sessions of an account by itself on Windows.
func OwnerInSession(_ func() bool) func(local, remote netip.AddrPort) (Identity, error) { return Owner }

// ServesBeside is not asked here.
func ServesBeside(_, _, _ int) bool { return false }
