package atomicfile

import (
	"errors"
	"syscall"
)

// NoSpace reports whether an error of writing says that there is no room: the disk is
// full, or the person's share of it.
func NoSpace(err error) bool {
	for _, errno := range noSpace {
		if errors.Is(err, errno) {
			return true
		}
	}
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
