package stack

import (
	"os"
	"path/filepath"
)

// desktop names by their whole path what the desktop keeps in the person's own
// runtime folder: the dialogs still stand on the person's screen.
func desktop(getenv func(string) string) map[string]string {
	own := getenv("XDG_RUNTIME_DIR")
	if !filepath.IsAbs(own) {
		return nil
	}
	set := map[string]string{}
	if screen := getenv("WAYLAND_DISPLAY"); screen != "" && !filepath.IsAbs(screen) {
		set["WAYLAND_DISPLAY"] = filepath.Join(own, screen)
	}
	bus := filepath.Join(own, "bus") // where every program looks without the variable
	if _, err := os.Stat(bus); err == nil && getenv("DBUS_SESSION_BUS_ADDRESS") == "" {
		set["DBUS_SESSION_BUS_ADDRESS"] = "unix:path=" + bus
	}
	return set
}
