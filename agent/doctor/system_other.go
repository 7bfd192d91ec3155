//go:build !windows

package doctor

// ofSystem adds nothing: what it looks at is in Windows alone.
func (o Options) ofSystem() Options { return o }
