package autostart

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/windows/registry"
)

// The keys that Windows reads at a login, and the one in which Settings and the
// Task Manager keep what a person has switched off.
const (
	runKey      = `Software\Microsoft\Windows\CurrentVersion\Run`
	approvedKey = `Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run`
	value       = "CPxBridge"
)

// Get tells how it is. The machine's value comes first: the person's does not
// take it back.
func Get() (State, error) {
	for _, root := range []struct {
		key  registry.Key
		name string
	}{{registry.LOCAL_MACHINE, "HKLM"}, {registry.CURRENT_USER, "HKCU"}} {
		command, err := read(root.key)
		if err != nil {
			return State{}, err
		}
		if command == "" {
			continue
		}
		s := State{Enabled: !switchedOff(root.key), Where: root.name + `\` + runKey}
		program := program(command)
		if _, err := os.Stat(program); err != nil {
			s.Missing, s.Enabled = program, false
		}
		return s, nil
	}
	return State{}, nil
}

func read(root registry.Key) (string, error) {
	key, err := registry.OpenKey(root, runKey, registry.QUERY_VALUE)
	if errors.Is(err, registry.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer key.Close()
	command, _, err := key.GetStringValue(value)
	if errors.Is(err, registry.ErrNotExist) {
		return "", nil
	}
	return command, err
}

// switchedOff: an odd first byte is off.
func switchedOff(root registry.Key) bool {
	key, err := registry.OpenKey(root, approvedKey, registry.QUERY_VALUE)
	if err != nil {
		return false
	}
	defer key.Close()
	state, _, err := key.GetBinaryValue(value)
	return err == nil && len(state) > 0 && state[0]&1 == 1
}

// program is the first word of a command line.
func program(command string) string {
	if rest, quoted := strings.CutPrefix(command, `"`); quoted {
		path, _, _ := strings.Cut(rest, `"`)
		return path
	}
	path, _, _ := strings.Cut(command, " ")
	return path
}

// Enable starts the program at each login.
func Enable(program string) error {
	if strings.ContainsAny(program, "\"\x00") {
		return fmt.Errorf("autostart: %q is no path", program)
	}
	if s, err := Get(); err != nil || s.Enabled && strings.HasPrefix(s.Where, "HKLM") {
		return err
	}
	key, _, err := registry.CreateKey(registry.CURRENT_USER, runKey, registry.SET_VALUE)
	if err != nil {
		return err
	}
	defer key.Close()
	return errors.Join(key.SetStringValue(value, `"`+program+`" run`), approve())
}

// approve takes back what was switched off in Settings.
func approve() error {
	key, err := registry.OpenKey(registry.CURRENT_USER, approvedKey, registry.SET_VALUE)
	if errors.Is(err, registry.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer key.Close()
	return ignoreMissing(key.DeleteValue(value))
}

// Disable fails with ErrMachine where the administrator's value starts it.
func Disable() error {
	key, err := registry.OpenKey(registry.CURRENT_USER, runKey, registry.SET_VALUE)
	if err == nil {
		defer key.Close()
		err = key.DeleteValue(value)
	}
	if err := ignoreMissing(err); err != nil {
		return err
	}
	s, err := Get()
	if err == nil && s.Enabled {
		return ErrMachine
	}
	return err
}

func ignoreMissing(err error) error {
	if errors.Is(err, registry.ErrNotExist) {
		return nil
	}
	return err
}
