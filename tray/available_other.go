//go:build !linux

package tray

// Available is always true where the desktop is part of the system.
func Available() bool { return true }
