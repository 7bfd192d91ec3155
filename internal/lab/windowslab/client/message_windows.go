package main

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"
)

var (
	user32     = windows.NewLazySystemDLL("user32.dll")
	findWindow = user32.NewProc("FindWindowW")
	sendTo     = user32.NewProc("SendMessageW")
)

// send returns once the window has answered.
func send(class string, message uint32, parameter uintptr) error {
	name, err := windows.UTF16PtrFromString(class)
	if err != nil {
		return err
	}
	window, _, _ := findWindow.Call(uintptr(unsafe.Pointer(name)), 0)
	if window == 0 {
		return fmt.Errorf("no window of the class %s", class)
	}
	_, _, _ = sendTo.Call(window, uintptr(message), parameter, 0)
	return nil
}
