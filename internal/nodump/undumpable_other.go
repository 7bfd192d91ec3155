//go:build unix && !linux

package nodump

// undumpable does nothing: there a debugger of the same user is held off by how the
// program is signed, if at all.
func undumpable() error { return nil }
