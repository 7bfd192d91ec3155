//go:build !linux

package control

// otherRoles: only on Linux can a test become another user.
func otherRoles() {}
