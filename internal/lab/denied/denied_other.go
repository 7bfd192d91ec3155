//go:build !linux

package denied

// RunRole does nothing here.
func RunRole() {}
