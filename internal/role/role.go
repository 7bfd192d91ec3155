// Package role starts this program in another role, as a process of its own: a
// crash of a vendor's module or a toolkit there costs one call or one question and
// not the agent. It defines the roles, by the first argument that asks for each,
// and the exit statuses of such a process. On Linux it is of this process's own version,
// whatever has become of the program's file since; a supervised agent alone is of the file.
//
// Command and Start may be called concurrently; Asked and Ends are for main,
// before anything else. Never pass a secret in the arguments: every program of the
// machine can read them.
package role

import (
	"context"
	"fmt"
	"os"
	"os/exec"
)

// Role is a role by its first argument.
type Role string

// The roles. They are no commands for people, and no help mentions them.
const (
	PKCS11Module   Role = "pkcs11-module"   // serves the calls of one module, whose path follows
	TrayMenu       Role = "tray-menu"       // shows the menu
	DialogWindow   Role = "dialog-window"   // shows one question, which comes on standard input
	DisplayAnswers Role = "display-answers" // says whether a display answers
	// SupervisedAgent is the agent itself, beside a supervisor; its own command line follows.
	SupervisedAgent Role = "supervised-agent"
)

// The exit statuses of a process in a role.
const (
	ExitDone      = 0 // normally, also because its parent is gone
	ExitOverdue   = 1 // its parent was gone, and a call did not end in time
	ExitMisused   = 2 // it was not started as its role requires
	ExitNoDisplay = 3 // no display answers
	ExitRestart   = 4 // its toolkit failed in a way that a restart settles
	ExitAnew      = 5 // of a supervised agent: the program is to be started as it is on disk now
	ExitNoToolkit = 6 // what shows menu and windows is missing, or older than is needed
)

// exitMeant is added to the exit status of a supervised agent that ended on purpose. A crash
// has none of these: the runtime of Go ends with 2 after a panic, as a program does that
// was misused, and a library may end the process with any status.
const exitMeant = 80

// ExitOnPurpose is the exit status of a supervised agent whose command line ended with
// status.
func ExitOnPurpose(status int) int { return exitMeant + status }

// Meant returns the status with which a supervised agent's command line ended, and false
// where the agent did not mean to end.
func Meant(exit int) (status int, meant bool) {
	status = exit - exitMeant
	return status, status >= 0 && status <= ExitMisused || status == ExitAnew
}

// Asked reports whether this program is to play the role, and with which
// arguments: at least least and at most most of them. With another number it is
// not: a person wrote them, and gets the usual answer.
func (r Role) Asked(least, most int) (args []string, asked bool) {
	if !r.Is() {
		return nil, false
	}
	args = os.Args[2:]
	return args, len(args) >= least && len(args) <= most
}

// Is reports whether this process plays the role.
func (r Role) Is() bool { return len(os.Args) > 1 && os.Args[1] == string(r) }

// CommandLine is this program and the role, for callers that start it their own way, with
// OwnImage.
func (r Role) CommandLine() ([]string, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("role %s: %w", r, err)
	}
	return []string{program, string(r)}, nil
}

// Command is this program in the role, not yet started: a supervised agent is the program as
// it is on disk now, any other OwnImage. It is killed when ctx ends.
func (r Role) Command(ctx context.Context, args ...string) (*exec.Cmd, error) {
	line, err := r.CommandLine()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, line[0], append(line[1:], args...)...)
	if r != SupervisedAgent {
		OwnImage(cmd)
	}
	return cmd, nil
}
