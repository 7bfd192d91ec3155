//go:build unix

package main

import "golang.org/x/sys/unix"

// noDumps keeps the PIN, which passes through this process on its way from the
// dialog to the module's, out of core dumps: of this one and of all it starts.
func noDumps() error { return unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}) }
