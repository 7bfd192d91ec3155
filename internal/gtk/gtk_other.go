//go:build !linux || (!amd64 && !arm64)

package gtk

// Load does nothing: on other systems there is no GTK, and on other processors the program is
// linked with it.
func Load(bool) error { return nil }
