package autostart

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/atomicfile"
)

// launchctl(1) remembers for each person which LaunchAgents are off.
const launchctl = "/bin/launchctl"

func personal() (string, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(home, "Library", "LaunchAgents", label+".plist"), nil
}

func domain() string { return "gui/" + strconv.Itoa(os.Getuid()) }

// Get reads the present state.
func Get() (State, error) {
	path, err := personal()
	if err != nil {
		return State{}, err
	}
	for _, path := range []string{path, filepath.Join("/Library/LaunchAgents", label+".plist")} {
		if _, err := os.Stat(path); err == nil {
			off, err := switchedOff()
			return State{Enabled: !off, Where: path}, err
		}
	}
	return State{}, nil
}

// Everyone reads what the administrator has set for each person, and nothing of whoever asks.
func Everyone() (State, error) {
	path := filepath.Join("/Library/LaunchAgents", label+".plist")
	if _, err := os.Stat(path); err != nil {
		return State{}, nil
	}
	return State{Enabled: true, Where: path}, nil
}

func switchedOff() (bool, error) {
	out, err := exec.Command(launchctl, "print-disabled", domain()).Output()
	if err != nil {
		return false, fmt.Errorf("autostart: launchctl: %w", err)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, `"`+label+`"`) {
			return strings.Contains(line, "true") || strings.Contains(line, "disabled"), nil
		}
	}
	return false, nil
}

// Enable starts the program at each login.
func Enable(program string) error {
	path, err := personal()
	if err != nil {
		return err
	}
	if s, err := Get(); err != nil || s.Where == "" || s.Where == path {
		list, listErr := PropertyList(program)
		if err := errors.Join(err, listErr, os.MkdirAll(filepath.Dir(path), 0o700)); err != nil {
			return err
		}
		if err := atomicfile.Write(path, []byte(list), atomicfile.Options{}); err != nil {
			return err
		}
	}
	return run("enable")
}

// Disable removes the person's own entry, and disables the machine's for them.
func Disable() error {
	path, err := personal()
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return run("disable")
}

func run(command string) error {
	if out, err := exec.Command(launchctl, command, domain()+"/"+label).CombinedOutput(); err != nil {
		return fmt.Errorf("autostart: launchctl %s: %w: %s", command, err, out)
	}
	return nil
}
