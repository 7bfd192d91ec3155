// Package autostart lets the agent start with the person's desktop: an entry of
// the XDG autostart folders, a value of the Run key on Windows, a LaunchAgent on
// macOS. What a package installs for everyone is respected, and taken back for
// the one person alone.
//
// Its functions change files or keys of the person's only, and never start or
// end an agent. They are for one caller at a time.
package autostart

import "errors"

// ErrMachine says that the administrator's setting cannot be taken back by the
// person on this system.
var ErrMachine = errors.New("autostart: set for everyone on this machine by its administrator")

// State says whether the agent starts with the desktop.
type State struct {
	Enabled bool
	// Where is the file or key that says so, "" where nothing says anything.
	Where string
	// Missing is the program that would be started and is not there, or "".
	Missing string
}

// name is the entry's, in every system's own form.
const (
	name  = "cpx-bridge"
	label = "io.github.cpx-bridge.agent"
)
