//go:build !linux

package tray

// needsDisplay is false: the desktop is part of the system.
const needsDisplay = false

// Available is always true where the desktop is part of the system.
func Available() bool { return true }

func initToolkit() bool { return true }
