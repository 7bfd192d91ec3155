// Package role starts this program in another role, as a process of its own: a
// crash of a vendor's module or a toolkit there costs one call or one question and
// not the agent. It defines the roles, by the first argument that asks for each,
// and the exit statuses of such a process.
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
)

// The exit statuses of a process in a role.
const (
	ExitDone      = 0 // normally, also because its parent is gone
	ExitOverdue   = 1 // its parent was gone, and a call did not end in time
	ExitMisused   = 2 // it was not started as its role requires
	ExitNoDisplay = 3 // no display answers
	ExitRestart   = 4 // its toolkit failed in a way that a restart settles
)

// Asked reports whether this program is to play the role, and with which
// arguments: at least least and at most most of them. With another number it is
// not: a person wrote them, and gets the usual answer.
func (r Role) Asked(least, most int) (args []string, asked bool) {
	if len(os.Args) < 2 || os.Args[1] != string(r) {
		return nil, false
	}
	args = os.Args[2:]
	return args, len(args) >= least && len(args) <= most
}

// CommandLine is this program and the role, for callers that start it their own way.
func (r Role) CommandLine() ([]string, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("role %s: %w", r, err)
	}
	return []string{program, string(r)}, nil
}

// Command is this program in the role, not yet started. It is killed when ctx ends.
func (r Role) Command(ctx context.Context, args ...string) (*exec.Cmd, error) {
	line, err := r.CommandLine()
	if err != nil {
		return nil, err
	}
	return exec.CommandContext(ctx, line[0], append(line[1:], args...)...), nil
}
