//go:build !windows

package autostart

// withoutConsole is the program itself: only Windows has two.
func withoutConsole(program string) string { return program }
