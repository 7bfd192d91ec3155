//go:build !windows

package atomicfile

var noSpace []error
