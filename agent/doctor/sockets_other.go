//go:build !linux

package doctor

// Sockets cannot tell here.
func Sockets([]int) ([]Socket, error) { return nil, ErrNoSockets }
