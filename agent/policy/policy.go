// Package policy reads the agent's settings, which are the machine's policy and the
// person's own file, and decides which web origins may connect.
//
// An [Effective] does not change once loaded and may be used concurrently. A
// person's file never widens the machine's policy, and an invalid setting is an
// error, never a default.
package policy

import (
	"errors"
	"io/fs"
	"log/slog"
	"slices"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/owners"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
	"github.com/cpx-bridge/cpx-bridge/internal/tomlfile"
)

// The modes of origins.mode.
const (
	ModeAsk    = "ask"
	ModeListed = "listed"
)

// Settings are the settings in force.
type Settings struct {
	Modules []string // paths; empty: the first known one that exists
	// ModulesFromNetwork lets a machine's policy name network paths on Windows.
	ModulesFromNetwork bool
	Pinentry           string // a path; "": one found on PATH
	Lang               string // "": the desktop's language
	Origins            Origins
	Ports              Ports
	PIN                PIN
	WSS                WSS
	Log                Log
	Limits             Limits
	// Notifications switches on package notify's notifications.
	Notifications bool
	// Quit has the menu offer to end the agent. Commands and the system end it all the same.
	Quit bool
}

// Limits are how long a call of a card's module may take before its process is
// ended; 0: the default of package pkcs11.
type Limits struct{ PINPad, Card, Other time.Duration }

// Origins say who may connect.
type Origins struct {
	Mode         string
	Allow, Block []string
}

// Ports is the range in which the agent uses the first free port.
type Ports struct{ First, Count int }

// PIN settings come from the machine's policy only.
type PIN struct{ Session time.Duration }

// WSS is the encrypted socket for browsers that need one.
type WSS struct {
	Enabled      bool
	First, Count int
}

// Log settings.
type Log struct {
	Level string
	// Events sends security events to the system's log: the machine's policy only.
	Events bool
}

// Warning is a setting that was ignored; the agent starts nevertheless.
type Warning struct {
	File string
	Line int
	Key  string
	Text string // in English

	why texts.Key
}

// In is why the setting was ignored, in a person's language.
func (w Warning) In(lang string) string { return texts.In(lang).Text(w.why) }

// Effective is the result of both.
type Effective struct {
	Settings
	Sources  map[string]string // key: the file, the value of the registry, or Default
	Warnings []Warning

	machine, user                       *source
	hasMachine, machineLists, userLists bool
	machineAllow, userAllow             []string
	everybodys                          bool // see OfEverybody
}

// Default is the source of a setting that no file sets.
const Default = "default"

// Paths are the machine's policy and the person's file; either may be missing.
type Paths struct {
	Machine, User string
	// Registry holds the machine's policy where the system has one: then no file does.
	Registry     *Registry
	UserRequired bool // the person named it, so it must exist
	// Owners are whose the machine's file may be: root's, but in tests.
	Owners owners.Trust
}

// Load reads both. Errors are of type *SettingsError.
func Load(paths Paths) (*Effective, error) {
	machine, err := readMachine(paths)
	if err != nil {
		return nil, err
	}
	user, err := readUser(paths, machine)
	if err != nil {
		return nil, err
	}
	return merged(machine, user), nil
}

// readMachine returns nil where there is no machine policy.
func readMachine(paths Paths) (*source, error) { return paths.rereadMachine(new(rereader)) }

// rereadMachine is readMachine by who may have read the file before. Whose the file is, and who
// may write it, is checked each time.
func (p Paths) rereadMachine(file *rereader) (machine *source, err error) {
	if p.Registry != nil {
		machine, err = readRegistry(p.Registry)
	} else if err = trusted(p.Machine, p.Owners); err == nil {
		machine, err = file.read(p.Machine, false)
	}
	if err != nil || machine == nil {
		return nil, err
	}
	return machine, machine.checkNetwork()
}

// ErrNoSetup says that installers have no place of their own for settings on this system.
var ErrNoSetup = errors.New("policy: installers keep no settings on this system")

// CheckSetup returns what is wrong with the settings that an installer was given, whether or
// not they count beside group policy's, of which it reads nothing. Errors are ErrNoSetup
// and of type *SettingsError.
func (p Paths) CheckSetup() error {
	if p.Registry == nil || p.Registry.Otherwise == nil {
		return ErrNoSetup
	}
	_, err := readMachine(Paths{Registry: p.Registry.Otherwise})
	return err
}

// readUser returns nil where there is no file of the person's.
func readUser(paths Paths, machine *source) (*source, error) {
	user, err := readFile(paths.User, paths.UserRequired)
	if err == nil {
		err = paths.checkUser(user, machine)
	}
	if err != nil {
		return nil, err
	}
	return user, nil
}

// checkUser refuses what only both together show.
func (p Paths) checkUser(user, machine *source) error {
	if user == nil && p.UserRequired {
		return tomlfile.Refused(p.User, fs.ErrNotExist, tomlfile.Say("settings.missing"))
	}
	if user != nil && machine == nil { // beside a policy it makes a warning, like other keys
		return user.checkPersons()
	}
	return nil
}

// merged are the settings of both; either may be nil.
func merged(machine, user *source) *Effective {
	e := defaults()
	if machine != nil {
		e.hasMachine, e.machine = true, machine
		e.merge(machine, func(string) bool { return true })
		if allow, lists := machine.values["origins.allow"].([]string); lists {
			e.machineLists, e.machineAllow = true, allow
			e.Sources["origins.allow"] = machine.where("origins.allow")
		}
	}
	if user != nil {
		e.user = user
		e.mergeUser(user, machine)
	}
	e.Origins.Allow = e.mergedAllow()
	return e
}

// LogLevel is log.level as the log wants it.
func (e *Effective) LogLevel() slog.Level {
	level := slog.LevelInfo
	_ = level.UnmarshalText([]byte(e.Log.Level)) // valid in checked settings
	return level
}

// Fixed reports whether the machine's policy sets the key, so that nothing that the
// person chooses elsewhere may override it.
func (e *Effective) Fixed(key string) bool { return e.machine != nil && e.machine.sets(key) }

func defaults() *Effective {
	e := &Effective{Sources: map[string]string{}}
	for i := range definitions {
		d := &definitions[i]
		d.put(&e.Settings, d.Default)
		e.Sources[d.Key] = Default
	}
	return e
}

// merge applies the settings of a source whose keys may be set. Of the sites that are
// allowed both lists count: see Effective.allows.
func (e *Effective) merge(s *source, may func(key string) bool) {
	for i := range definitions {
		d := &definitions[i]
		value, set := s.values[d.Key]
		if !set || d.Key == "origins.allow" || !may(d.Key) {
			continue
		}
		if d.Key == "origins.block" {
			value = slices.Concat(e.Origins.Block, value.([]string))
		}
		d.put(&e.Settings, value)
		e.Sources[d.Key] = s.where(d.Key)
	}
}
