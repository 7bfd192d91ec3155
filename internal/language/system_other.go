//go:build !windows

package language

// systemLanguages are none: the environment says it.
var systemLanguages = func() []string { return nil }
