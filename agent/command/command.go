// Package command is the command line of the agent: what each command does and
// says, over the parts of the agent that know it. The program gives it what only
// the program has: its version, its display, and the agent itself.
//
// A [Program] may be used from any goroutine; each Run is a command line of its
// own. The package never asks for a PIN, never opens a window, and never starts
// the tray.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cpx-bridge/cpx-bridge/agent/control"
	"github.com/cpx-bridge/cpx-bridge/agent/policy"
)

// Exit statuses of protocol.md.
const (
	exitGood    = 0
	exitProblem = 1
	exitUsage   = 2
)

// Program is what the command line is given by the program around it. All its
// fields are required.
type Program struct {
	Version string
	// Display reports whether a display answers; it may be asked only once in a
	// process.
	Display func() bool
	// DisplayAnswers reports the same by a process of its own.
	DisplayAnswers func(ctx context.Context) bool
	// Serve is the agent: it serves until ctx ends or the person quits.
	Serve func(ctx context.Context, s Start) error
}

// Start is what an agent is started with.
type Start struct {
	Policy   *policy.Effective
	StateDir string
	Tray     bool
	Held     *control.Held
	Logger   *slog.Logger
	LogFile  string // "" where there is none
}

// Run runs a command line and returns the program's exit status.
func (program Program) Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s := &session{Program: program, stdout: stdout, stderr: stderr}
	root := s.commands()
	if isCompletion(args) {
		return s.exit(s.completes(ctx, root, args), root)
	}
	err := s.line.parse(root, args)
	s.load()
	translate(root, s.Catalogue)
	if err == nil {
		err = s.line.check(root)
	}
	if err == nil {
		err = s.run(ctx, root)
	}
	return s.exit(err, root)
}

// run runs a command line that was checked.
func (s *session) run(ctx context.Context, root *cobra.Command) error {
	c, args, _ := root.Find(s.line.args)
	if s.line.help {
		s.printHelp(c)
		return nil
	}
	c.SetContext(ctx)
	return c.RunE(c, args)
}

// status is an exit status whose reason the person has read.
type status int

func (e status) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

const (
	errProblem = status(exitProblem)
	errUsage   = status(exitUsage)
)

// exit says what the person has not read yet of err, and returns its status.
func (s *session) exit(err error, root *cobra.Command) int {
	var (
		known status
		wrong *misuse
	)
	switch {
	case err == nil:
		return exitGood
	case errors.As(err, &known):
		return int(known)
	case errors.As(err, &wrong):
		s.complain(wrong.text(s.Catalogue))
		fmt.Fprintln(s.stderr, s.Text("command.misuse.help", strings.TrimSpace("cpx-agent "+s.line.topic(root))+" --help"))
		return exitUsage
	}
	s.complain(err.Error())
	if errors.Is(err, s.settingsErr) {
		return exitUsage
	}
	return exitProblem
}
