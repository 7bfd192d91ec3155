package gate

import (
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/windows"
)

// soExclusiveAddrUse is SO_EXCLUSIVEADDRUSE (winsock2.h).
const soExclusiveAddrUse = ^windows.SO_REUSEADDR

// exclusive listens so that no other program can bind to the port. On Windows it could
// else, of any user, with SO_REUSEADDR alone, and would get pages' connections in the
// agent's stead.
var exclusive = net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
	var err error
	if controlErr := c.Control(func(fd uintptr) {
		err = windows.SetsockoptInt(windows.Handle(fd), windows.SOL_SOCKET, soExclusiveAddrUse, 1)
	}); controlErr != nil {
		return controlErr
	}
	return os.NewSyscallError("setsockopt", err)
}}
