// Command keyboardgrab takes the keyboard of an X server for a moment, as a program of
// the same person's could, and says whether it got it: "taken" or "refused".
package main

/*
#cgo pkg-config: x11
#include <X11/Xlib.h>

static int grab(void)
{
	Display *display = XOpenDisplay(NULL);
	int result;

	if (display == NULL)
		return -1;
	result = XGrabKeyboard(display, DefaultRootWindow(display), False, GrabModeAsync, GrabModeAsync, CurrentTime);
	XCloseDisplay(display);
	return result;
}
*/
import "C"

import (
	"fmt"
	"os"
)

func main() {
	switch C.grab() {
	case C.GrabSuccess:
		fmt.Println("taken")
	case C.AlreadyGrabbed:
		fmt.Println("refused")
	default:
		os.Exit(1)
	}
}
