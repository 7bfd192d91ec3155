//go:build !linux

package window

// Command is nil: the platform has dialogs of its own.
func Command() []string { return nil }

// RunChildRole does nothing.
func RunChildRole() {}
