//go:build !windows

package agent

import (
	"errors"
	"syscall"
)

// addressMissing tells that the machine has no ::1, as opposed to a taken port.
func addressMissing(err error) bool {
	return errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT)
}
