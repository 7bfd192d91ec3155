//go:build !windows

package everyone

// Remember is for Windows, where a program that runs cannot be replaced.
func Remember() error { return ErrNotHere }

// Resume is for Windows.
func Resume() error { return ErrNotHere }

// Forget is for Windows; elsewhere nothing is remembered.
func Forget() error { return nil }
