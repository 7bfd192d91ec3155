package policy

import (
	"os"
	"path/filepath"
)

// absolute: a relative path would be looked up where the agent happens to be
// started from, a place that someone else may have prepared.
func absolute(path string) bool { return filepath.IsAbs(path) }

func userConfig(parts ...string) string {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "" // no home: only the machine's policy and the defaults
	}
	return filepath.Join(append([]string{dir}, parts...)...)
}
