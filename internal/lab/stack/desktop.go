package stack

import (
	"os"
	"path/filepath"
)

// desktop names by their full paths what the desktop has in the person's own
// runtime folder, so that the dialogs still appear on the person's screen.
func desktop(getenv func(string) string) map[string]string {
	own := getenv("XDG_RUNTIME_DIR")
	if !filepath.IsAbs(own) {
		return nil
	}
	set := map[string]string{}
	if screen := getenv("WAYLAND_DISPLAY"); screen != "" && !filepath.IsAbs(screen) {
		set["WAYLAND_DISPLAY"] = filepath.Join(own, screen)
	}
	bus := filepath.Join(own, "bus") // where programs expect it without the variable
	if _, err := os.Stat(bus); err == nil && getenv("DBUS_SESSION_BUS_ADDRESS") == "" {
		set["DBUS_SESSION_BUS_ADDRESS"] = "unix:path=" + bus
	}
	return set
}
