package gate

import (
	"errors"

	"golang.org/x/sys/windows"
)

// addressMissing reports that the machine has no ::1, as opposed to a taken port.
func addressMissing(err error) bool {
	return errors.Is(err, windows.WSAEADDRNOTAVAIL) || errors.Is(err, windows.WSAEAFNOSUPPORT)
}

// outOfResources reports an accept that failed for want of sockets or memory.
func outOfResources(err error) bool {
	return errors.Is(err, windows.WSAEMFILE) || errors.Is(err, windows.WSAENOBUFS) || errors.Is(err, windows.ERROR_NOT_ENOUGH_MEMORY)
}
