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
func ConfigHome() (string, error) {
	if dir := absolute("XDG_CONFIG_HOME"); dir != "" {
		return dir, nil
	}
	return inHome(".config")
}

// ConfigDirs are the folders of all programs' settings for everyone, the most
// important first.
func ConfigDirs() []string {
	list := os.Getenv("XDG_CONFIG_DIRS")
	if list == "" {
		list = "/etc/xdg"
	}
	var dirs []string
	for _, dir := range filepath.SplitList(list) {
		if filepath.IsAbs(dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}
