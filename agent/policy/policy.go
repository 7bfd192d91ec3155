// Package policy reads the agent's settings, which are the machine's policy and the
// person's own file, and decides which web origins may connect.
//
// An [Effective] does not change once loaded and may be used concurrently. A
// person's file never widens the machine's policy, and an invalid setting is an
// error, never a default.
package policy

import (
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/owners"
)

// The modes of origins.mode.
const (
	ModeAsk    = "ask"
	ModeListed = "listed"
)

// Settings are the settings in force.
type Settings struct {
	Modules  []string // paths; empty: the first known one that exists
	Pinentry string   // a path; "": one found on PATH
	Lang     string   // "": the desktop's language
	Origins  Origins
	Ports    Ports
	PIN      PIN
	WSS      WSS
	Log      Log
	Limits   Limits
	// Notifications switches on package notify's notifications.
	Notifications bool
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
type Log struct{ Level string }

// Warning is a setting that was ignored; the agent starts nevertheless.
type Warning struct {
	File string
	Line int
	Key  string
	Text string
}

// Effective is the result of both files.
type Effective struct {
	Settings
	Sources  map[string]string // key: the file, or "default"
	Warnings []Warning

	machine, user                       *file
	hasMachine, machineLists, userLists bool
	machineAllow, userAllow             []string
}

// Paths are the two files; either may be missing.
type Paths struct {
	Machine, User string
	UserRequired  bool // the person named it, so it must exist
	// Owners are whose the machine's file may be: root's, but in tests.
	Owners owners.Trust
}

// Load reads both files. Errors are of type *SettingsError.
func Load(paths Paths) (*Effective, error) {
	if err := platformPolicy(); err != nil {
		return nil, err
	}
	if err := trusted(paths.Machine, paths.Owners); err != nil {
		return nil, err
	}
	machine, err := readChecked(paths.Machine)
	if err != nil {
		return nil, err
	}
	user, err := readChecked(paths.User)
	if err != nil {
		return nil, err
	}
	if user == nil && paths.UserRequired {
		return nil, &SettingsError{File: paths.User, Text: "this file does not exist"}
	}
	if user != nil && machine == nil && user.PIN.Session != nil { // beside a policy it makes a warning, like other keys
		return nil, user.err("pin.session", "is taken from the machine's policy only")
	}
	e := defaults()
	if machine != nil {
		e.hasMachine, e.machine = true, machine
		e.merge(machine, func(string) bool { return true })
		if machine.Origins.Allow != nil {
			e.machineLists, e.machineAllow = true, *machine.Origins.Allow
			e.Sources["origins.allow"] = machine.path
		}
	}
	if user != nil {
		e.user = user
		e.mergeUser(user, machine)
	}
	e.Origins.Allow = e.mergedAllow()
	return e, nil
}

// Fixed reports whether the machine's policy sets the key, so that nothing that the
// person chooses elsewhere may override it.
func (e *Effective) Fixed(key string) bool { return e.machine != nil && e.machine.sets(key) }

func readChecked(path string) (*file, error) {
	f, err := read(path)
	if err != nil || f == nil {
		return nil, err
	}
	return f, f.check()
}

func defaults() *Effective {
	e := &Effective{Settings: Settings{
		Origins: Origins{Mode: ModeAsk}, Ports: Ports{First: 27720, Count: defaultPorts}, WSS: WSS{First: 27820, Count: defaultPorts}, Log: Log{Level: "info"}, Notifications: true,
		Limits: Limits{PINPad: 150 * time.Second, Card: 30 * time.Second, Other: 10 * time.Second},
	}, Sources: map[string]string{}}
	for _, key := range keys {
		e.Sources[key] = "default"
	}
	return e
}

var keys = []string{
	"modules", "pinentry", "lang", "origins.mode", "origins.allow", "origins.block",
	"ports.first", "ports.count", "pin.session", "wss.enabled", "wss.first", "wss.count", "log.level",
	"limits.pin_pad", "limits.card", "limits.other", "notifications",
}

// merge applies the settings of the file whose keys may be set.
func (e *Effective) merge(f *file, may func(key string) bool) {
	set := func(key string, present bool, apply func()) {
		if present && may(key) {
			apply()
			e.Sources[key] = f.path
		}
	}
	set("modules", f.Modules != nil, func() { e.Modules = *f.Modules })
	set("pinentry", f.Pinentry != nil, func() { e.Pinentry = *f.Pinentry })
	set("lang", f.Lang != nil, func() { e.Lang = *f.Lang })
	set("origins.mode", f.Origins.Mode != nil, func() { e.Origins.Mode = *f.Origins.Mode })
	set("origins.block", f.Origins.Block != nil, func() { e.Origins.Block = append(e.Origins.Block, *f.Origins.Block...) })
	set("ports.first", f.Ports.First != nil, func() { e.Ports.First = *f.Ports.First })
	set("ports.count", f.Ports.Count != nil, func() { e.Ports.Count = *f.Ports.Count })
	set("pin.session", f.PIN.Session != nil, func() { e.PIN.Session, _ = time.ParseDuration(*f.PIN.Session) }) // checked before
	set("wss.enabled", f.WSS.Enabled != nil, func() { e.WSS.Enabled = *f.WSS.Enabled })
	set("wss.first", f.WSS.First != nil, func() { e.WSS.First = *f.WSS.First })
	set("wss.count", f.WSS.Count != nil, func() { e.WSS.Count = *f.WSS.Count })
	set("limits.pin_pad", f.Limits.PINPad != nil, func() { e.Limits.PINPad, _ = time.ParseDuration(*f.Limits.PINPad) })
	set("limits.card", f.Limits.Card != nil, func() { e.Limits.Card, _ = time.ParseDuration(*f.Limits.Card) })
	set("limits.other", f.Limits.Other != nil, func() { e.Limits.Other, _ = time.ParseDuration(*f.Limits.Other) })
	set("notifications", f.Notifications != nil, func() { e.Notifications = *f.Notifications })
	set("log.level", f.Log.Level != nil, func() { e.Log.Level = *f.Log.Level })
}
