//go:build !linux

package knock

// RunRole does nothing here.
func RunRole() {}
