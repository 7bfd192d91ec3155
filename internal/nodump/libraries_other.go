//go:build !windows

package nodump

// Libraries does nothing: only Windows can be told which libraries not to load.
func Libraries(string, bool) error { return nil }
