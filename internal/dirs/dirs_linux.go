package dirs

import (
	"os"
	"path/filepath"
)

const (
	configName = xdgName
	machine    = "/etc/cpx-bridge"
)

// ConfigHome is the folder of all programs' settings of one person.
func ConfigHome() (string, error) { return home("XDG_CONFIG_HOME", ".config") }

// DataHome is the folder of what programs bring for one person, such as entries of the
// applications' menu.
func DataHome() (string, error) { return home("XDG_DATA_HOME", ".local", "share") }

func home(variable string, otherwise ...string) (string, error) {
	if dir := absolute(variable); dir != "" {
		return dir, nil
	}
	return inHome(otherwise...)
}

// ConfigDirs are the folders of all programs' settings for everyone, the most
// important first.
func ConfigDirs() []string { return list("XDG_CONFIG_DIRS", "/etc/xdg") }

// DataDirs are the folders of what programs bring for everyone, likewise.
func DataDirs() []string { return list("XDG_DATA_DIRS", "/usr/local/share:/usr/share") }

func list(variable, otherwise string) (dirs []string) {
	all := os.Getenv(variable)
	if all == "" {
		all = otherwise
	}
	for _, dir := range filepath.SplitList(all) {
		if filepath.IsAbs(dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}
