//go:build !linux

package tray

// needsDisplay: the desktop is part of the system.
const needsDisplay = false

// Available is always true where the desktop is part of the system.
func Available() bool { return true }

func makeReady() bool { return true }
