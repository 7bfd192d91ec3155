package testdesktop

import (
	"fmt"
	"strings"
)

// WestonSettings are the settings of a Wayland desktop that is empty, all of one colour,
// 0xAARRGGBB, and where nothing moves by itself.
func WestonSettings(colour uint32) []byte {
	return fmt.Appendf(nil, `[core]
idle-time=0
[shell]
background-color=0x%08x
panel-position=none
startup-animation=none
animation=none
close-animation=none
focus-animation=none
locking=false
[keyboard]
keymap_layout=us
[input-method]
path=
`, colour)
}

// AcceptsKeys reports whether a dialog of ours stands that accepts keys and clicks. tool
// runs a program on the screen, one of X11, and returns what it printed.
func AcceptsKeys(tool func(name string, args ...string) (string, error)) bool {
	found, err := tool("xdotool", "search", "--onlyvisible", "--class", "^Cpx-bridge$")
	if err != nil {
		return false // it has not opened yet
	}
	for _, id := range strings.Fields(found) {
		if role, err := tool("xprop", "-id", id, "-notype", "WM_WINDOW_ROLE"); err == nil && strings.Contains(role, `"cpx-ready`) {
			return true
		}
	}
	return false
}
