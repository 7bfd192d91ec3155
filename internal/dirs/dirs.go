// Package dirs says in which folders the product keeps its files, and where it
// finds those of the desktop: by the XDG Base Directory Specification 0.8 on
// Linux, by the known folders of Windows, in the Library on macOS.
//
// The environment is read at each call. A variable that names no absolute path is
// passed over, as the specification wants. Nothing is made or opened here: whether
// a folder may be trusted is for who uses it. All functions may be called
// concurrently.
//
// github.com/adrg/xdg does not serve: it reads the environment once, has the
// root folder where a person has no home, the state in the Library on macOS and
// the settings in LocalAppData on Windows.
package dirs

import (
	"fmt"
	"os"
	"path/filepath"
)

// The product's folder in those of the system, in the manner of each: xdgName
// where the specification names the folder, also on other systems.
const (
	xdgName = "cpx-bridge"
	ownName = "CPxBridge"
)

// State is the folder of what one person's agent remembers, and of its log:
// $XDG_STATE_HOME/cpx-bridge, where that is not set %LOCALAPPDATA%\CPxBridge on
// Windows and ~/.local/state/cpx-bridge elsewhere. The error says that there is no
// home.
func State() (string, error) {
	if dir := absolute("XDG_STATE_HOME"); dir != "" {
		return filepath.Join(dir, xdgName), nil
	}
	if dir := localData(); dir != "" {
		return filepath.Join(dir, ownName), nil
	}
	dir, err := inHome(".local", "state", xdgName)
	if err != nil {
		return "", fmt.Errorf("no folder for the state: %w", err)
	}
	return dir, nil
}

// Config is the folder of one person's settings: $XDG_CONFIG_HOME/cpx-bridge,
// %AppData%\CPxBridge on Windows, Application Support on macOS. The error says that
// there is no home.
func Config() (string, error) {
	base, err := ConfigHome()
	if err != nil {
		return "", fmt.Errorf("no folder for the settings: %w", err)
	}
	return filepath.Join(base, configName), nil
}

// Machine is the folder of the machine's policy: /etc/cpx-bridge on Linux; "" on
// Windows, which has it in the registry.
func Machine() string { return machine }

// Runtime is $XDG_RUNTIME_DIR, the folder of the person's sockets, "" where there
// is none.
func Runtime() string { return absolute("XDG_RUNTIME_DIR") }

// SessionBus is the socket of the desktop session's bus where Runtime has one, ""
// where there is none.
func SessionBus() string {
	bus := filepath.Join(Runtime(), "bus")
	if _, err := os.Stat(bus); err != nil || !filepath.IsAbs(bus) {
		return ""
	}
	return bus
}

// absolute is the variable's value where it is an absolute path.
func absolute(variable string) string {
	if dir := os.Getenv(variable); filepath.IsAbs(dir) {
		return dir
	}
	return ""
}

// inHome is a folder of the person's home by its path there.
func inHome(parts ...string) (string, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(append([]string{home}, parts...)...), nil
}
