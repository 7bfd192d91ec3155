package gate

import "golang.org/x/sys/windows"

// lacking is what an accept returns for want of sockets or memory.
var lacking = map[string]error{"descriptors": windows.WSAEMFILE, "buffers": windows.WSAENOBUFS, "memory": windows.ERROR_NOT_ENOUGH_MEMORY}
