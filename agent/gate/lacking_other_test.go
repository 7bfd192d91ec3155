//go:build !windows

package gate

import "syscall"

// lacking is what an accept returns for want of descriptors or memory.
var lacking = map[string]error{"descriptors": syscall.EMFILE, "the system's descriptors": syscall.ENFILE, "memory": syscall.ENOMEM, "buffers": syscall.ENOBUFS}
