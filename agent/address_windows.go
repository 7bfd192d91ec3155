package agent

import (
	"errors"

	"golang.org/x/sys/windows"
)

// addressMissing tells that the machine has no ::1, as opposed to a taken port.
func addressMissing(err error) bool {
	return errors.Is(err, windows.WSAEADDRNOTAVAIL) || errors.Is(err, windows.WSAEAFNOSUPPORT)
}
