//go:build !linux

package desktopsession

// Own is nothing: Windows distinguishes sessions by itself (package account), and on macOS
// nothing serves.
func Own() Session { return Session{} }

// Of is nothing, likewise.
func Of(int) Session { return Session{} }
