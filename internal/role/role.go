// Package role starts this very program again, as a process of its own in
// another role: what a vendor's module or a toolkit does there, a crash
// included, costs one call or one question and not the agent. It knows the
// roles, by the first argument that asks for each, and the statuses with which
// such a process ends.
//
// Command and Start may be called from any goroutine; Asked and Ends are for
// main, first of all. Nothing secret stands in the arguments, which every program
// of the machine can read.
package role

import (
	"context"
	"fmt"
	"os"
	"os/exec"
)

// Role is a role by its first argument.
type Role string

// The roles. They are no commands of the person's and stand in no help.
const (
	PKCS11Module   Role = "pkcs11-module"   // serves the calls of one module, whose path follows
	TrayMenu       Role = "tray-menu"       // shows the menu
	DialogWindow   Role = "dialog-window"   // shows one question, which comes on standard input
	DisplayAnswers Role = "display-answers" // says whether a display answers
)

// How a process in a role ends.
const (
	ExitDone      = 0 // as it should, also where its parent is gone
	ExitOverdue   = 1 // its parent was gone, and a call did not end in its time
	ExitMisused   = 2 // nobody talks to it in the way of its role
	ExitNoDisplay = 3 // no display answers
	ExitRestart   = 4 // its toolkit failed in a way that another start settles
)

// Asked says whether this program is to play the role, and with which arguments:
// at least so many and at most so many. With others it is not: they are then for
// the person who wrote them.
func (r Role) Asked(least, most int) (args []string, asked bool) {
	if len(os.Args) < 2 || os.Args[1] != string(r) {
		return nil, false
	}
	args = os.Args[2:]
	return args, len(args) >= least && len(args) <= most
}

// CommandLine is this program and the role, for who starts it in a way of their own.
func (r Role) CommandLine() ([]string, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("role %s: %w", r, err)
	}
	return []string{program, string(r)}, nil
}

// Command is this program in the role, not yet started; it ends with the context.
func (r Role) Command(ctx context.Context, args ...string) (*exec.Cmd, error) {
	line, err := r.CommandLine()
	if err != nil {
		return nil, err
	}
	return exec.CommandContext(ctx, line[0], append(line[1:], args...)...), nil
}
