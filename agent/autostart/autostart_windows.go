package autostart

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows/registry"
)

// The key that Windows reads at a login, and the one in which Settings and the
// Task Manager record what a person has switched off.
const (
	runKey      = `Software\Microsoft\Windows\CurrentVersion\Run`
	approvedKey = `Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run`
	value       = "CPxBridge"
)

// root is a part of the registry in which Windows finds what to start.
type root struct {
	key  registry.Key
	path string // below key, "" outside tests
	name string
}

// roots are the machine's and the person's; Windows starts what either names.
type roots struct{ machine, person root }

var system = roots{root{registry.LOCAL_MACHINE, "", "HKLM"}, root{registry.CURRENT_USER, "", "HKCU"}}

// Get reads the present state. The machine's value comes first: where it starts
// the agent, the person's cannot prevent that.
func Get() (State, error) { return system.get() }

// Everyone reads what the administrator has set for each person, and nothing of whoever asks.
func Everyone() (State, error) { return system.machine.get() }

// Enable starts the program at each login, or the one beside it that has no console.
func Enable(program string) error { return system.enable(withoutConsole(program)) }

// withoutConsole is the program that stands beside one of a console and opens none: a
// black window at each login is nobody's wish.
func withoutConsole(program string) string {
	if folder, name := filepath.Split(program); strings.EqualFold(name, "cpx-agent.exe") {
		if other := folder + "cpx-agentw.exe"; isFile(other) {
			return other
		}
	}
	return program
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// Disable fails with ErrMachine where the administrator's value starts it.
func Disable() error { return system.disable() }

// get reads the person's value only where the machine's does not start the agent.
// Where neither does, it returns the machine's if there is one: that is what an
// administrator intended.
func (r roots) get() (State, error) {
	var first State
	for i, root := range []root{r.machine, r.person} {
		s, err := root.get()
		if err != nil || s.Enabled {
			s.Machine = i == 0
			return s, err
		}
		if first == (State{}) {
			first = s
		}
	}
	return first, nil
}

func (r root) get() (State, error) {
	command, err := r.read()
	if err != nil || command == "" {
		return State{}, err
	}
	program := program(command)
	s := State{Enabled: !r.switchedOff(), Where: r.name + `\` + runKey, Program: program, Supervised: strings.Contains(command, supervise)}
	if _, err := os.Stat(program); err != nil {
		s.Missing, s.Enabled = program, false
	}
	return s, nil
}

func (r root) read() (string, error) {
	key, err := registry.OpenKey(r.key, r.path+runKey, registry.QUERY_VALUE)
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

// switchedOff says whether Settings has it off, which is an odd first byte.
func (r root) switchedOff() bool {
	key, err := registry.OpenKey(r.key, r.path+approvedKey, registry.QUERY_VALUE)
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

func (r roots) enable(program string) error {
	if strings.ContainsAny(program, "\"\x00") {
		return fmt.Errorf("autostart: %q is no path", program)
	}
	if s, err := r.machine.get(); err != nil || s.Enabled {
		return err
	}
	key, _, err := registry.CreateKey(r.person.key, r.person.path+runKey, registry.SET_VALUE)
	if err != nil {
		return err
	}
	defer key.Close()
	return errors.Join(key.SetStringValue(value, `"`+program+`" `+strings.Join(AtLogin, " ")), r.person.approve())
}

// approve undoes what was switched off in Settings.
func (r root) approve() error {
	key, err := registry.OpenKey(r.key, r.path+approvedKey, registry.SET_VALUE)
	if errors.Is(err, registry.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer key.Close()
	return ignoreMissing(key.DeleteValue(value))
}

func (r roots) disable() error {
	key, err := registry.OpenKey(r.person.key, r.person.path+runKey, registry.SET_VALUE)
	if err == nil {
		defer key.Close()
		err = key.DeleteValue(value)
	}
	if err := ignoreMissing(err); err != nil {
		return err
	}
	s, err := r.get()
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
