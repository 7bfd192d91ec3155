package main

import "golang.org/x/sys/windows"

// smShuttingDown is SM_SHUTTINGDOWN of GetSystemMetrics.
const smShuttingDown = 0x2000

var getSystemMetrics = windows.NewLazySystemDLL("user32.dll").NewProc("GetSystemMetrics")

// sessionEnds reports whether the person is being signed out: Windows ends the agent then,
// and a program started in that moment shows an error instead of itself.
func sessionEnds() bool {
	ends, _, _ := getSystemMetrics.Call(smShuttingDown)
	return ends != 0
}
