package main

// noDumps does nothing: the system keeps dumps of programs only where an
// administrator has it do so.
func noDumps() error { return nil }
