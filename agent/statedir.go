package agent

import (
	"fmt"
	"os"
	"path/filepath"
)

// StateDir is $XDG_STATE_HOME/cpx-bridge, on Windows in LocalAppData.
func StateDir() (string, error) {
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "cpx-bridge"), nil
	}
	if dir := os.Getenv("LOCALAPPDATA"); dir != "" {
		return filepath.Join(dir, "CPxBridge"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("agent: no folder for the state: %w", err)
	}
	return filepath.Join(home, ".local", "state", "cpx-bridge"), nil
}
