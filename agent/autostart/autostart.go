// Package autostart lets the agent start with the person's desktop: an entry of
// the XDG autostart folders, a value of the Run key on Windows, a LaunchAgent on
// macOS. An entry that a package installed for everyone is respected, and
// disabled for the one person alone.
//
// Its functions change only the person's own files or keys, and never start or
// stop an agent. They are for one caller at a time.
package autostart

import "errors"

// ErrMachine says that on this system a person cannot disable what the
// administrator enabled for everyone.
var ErrMachine = errors.New("autostart: set for everyone on this machine by its administrator")

// State says whether the agent starts with the desktop.
type State struct {
	Enabled bool
	// Where is the file or key that says so, "" where there is none.
	Where string
	// Missing is the program to start where it does not exist, else "".
	Missing string
}

// The entry's name: a file's name on Linux, a launchd label on macOS.
const (
	name  = "cpx-bridge"
	label = "io.github.cpx-bridge.agent"
)
