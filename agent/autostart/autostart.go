// Package autostart lets the agent start with the person's desktop: an entry of
// the XDG autostart folders, or an enabled unit of systemd, a value of the Run key on Windows, a LaunchAgent on
// macOS; and at a click, by an entry of the applications' menu or of Windows's Start
// menu. An entry that a package installed for everyone is respected, and
// disabled for the one person alone.
//
// Its functions change only the person's own files or keys, and never start or
// stop an agent. They are for one caller at a time.
package autostart

import (
	"errors"
	"fmt"
	"strings"
)

// ErrMachine says that on this system a person cannot disable what the
// administrator enabled for everyone.
var ErrMachine = errors.New("autostart: set for everyone on this machine by its administrator")

// ForeignError says that what stands in the place of an entry or icon was not written here: it
// may be the person's or their administrator's own work, which is never replaced or removed.
type ForeignError struct {
	Paths []string
}

func (e *ForeignError) Error() string {
	return fmt.Sprintf("autostart: not written by cpx-agent: %s", strings.Join(e.Paths, ", "))
}

// ErrUnit says that a unit of the person's systemd starts the agent, which systemctl alone
// switches off.
var ErrUnit = errors.New("autostart: a unit of systemd starts the agent")

// ErrNoMenu says that on this system a program needs no entry to stand in a menu.
var ErrNoMenu = errors.New("autostart: no entries of an applications' menu here")

// State says whether the agent starts with the desktop, or stands in the menu.
type State struct {
	Enabled bool
	// Where is the file or key that says so, "" where there is none.
	Where string
	// Missing is the program to start where it does not exist, else "".
	Missing string
	// Program is the program to start, "" where that is not known.
	Program string
	// Supervised says that the agent is started anew after a crash.
	Supervised bool
	// Unit is the file of a unit of systemd that starts the agent, alone, where it is Where, or
	// beside the entry; "" for none.
	Unit string
	// UnitOff is the command that has that unit start it no more.
	UnitOff string
	// Machine says that the administrator enabled it for everyone, and that a person cannot
	// undo that.
	Machine bool
}

// supervise is the option of `cpx-agent run` that starts the agent anew after a crash.
const supervise = "--supervise"

// What the desktop has cpx-agent do at a login, where no person asked for anything, and at a
// click on its entry in the applications' menu.
var (
	AtLogin = []string{"run", supervise, "--quiet"}
	AtClick = []string{"run", supervise, "--show"}
)

// The entry's name: a file's name on Linux, a launchd label on macOS.
const (
	name  = "cpx-bridge"
	label = "io.github.cpx-bridge.agent"
)
