//go:build !linux

package control

// otherRoles does nothing: only on Linux does a test become another user.
func otherRoles() {}
