// Package command is the command line of the agent: what each command does and
// prints, on top of the agent's packages. The program passes what only the program
// has: its version, its display, and the agent itself.
//
// A [Program] may be used concurrently; each Run is a command line of its own. The
// package never asks for a PIN, never opens a window, and never starts the tray.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/cpx-bridge/cpx-bridge/agent/control"
	"github.com/cpx-bridge/cpx-bridge/agent/events"
	"github.com/cpx-bridge/cpx-bridge/agent/journal"
	"github.com/cpx-bridge/cpx-bridge/agent/peer"
	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/internal/atomicfile"
)

// ErrQuit says that the person ended the agent in its menu.
var ErrQuit = errors.New("command: the person quit")

// ErrRestart says that the program that is installed is to follow the agent.
var ErrRestart = errors.New("command: another version of the program follows")

// Exit statuses, as docs/administrators.md lists them for each command.
const (
	exitGood    = 0
	exitProblem = 1
	exitUsage   = 2
	exitFailed  = 3 // of doctor: it could not say anything
)

// Program is what the program provides to its command line. All fields but Failed,
// Say, Desktop and Standard are required.
type Program struct {
	Version string
	System  string // what it runs on, as far as a hotline asks
	// Toolkit loads what shows the agent's own windows, and with panel its menu, and returns
	// what is missing, "" for nothing.
	Toolkit func(panel bool) (missing string)
	// Display reports whether a display answers; it may be asked only once in a
	// process.
	Display func() bool
	// DisplayAnswers reports the same from a process of its own, and so may be
	// asked repeatedly.
	DisplayAnswers func(ctx context.Context) bool
	// Serve runs the agent until ctx ends, the person quits, which is ErrQuit, or restarts
	// it, which is ErrRestart.
	Serve func(ctx context.Context, s Start) error
	// Failed shows a text to the person, who does not see what the program prints: one
	// that was started at a login or from a menu has no console. It returns once the
	// person has read it. nil: what is printed is seen.
	Failed func(ctx context.Context, lang, text string)
	// Say shows a text to the person in a window, for as long as ctx lasts or until it is
	// read; nil: nothing is shown.
	Say func(ctx context.Context, lang, text string)
	// Desktop reports whether the desktop session goes on, on which an agent after a
	// crash would ask the person; nil: there is none, and none is needed.
	Desktop func(ctx context.Context) bool
	// Icons are the program's icon as files of the theme hicolor, by their paths in it.
	Icons func() map[string][]byte
	// Standard are the program's own input, output and errors, which an agent beside its
	// supervisor shares.
	Standard [3]*os.File
}

// Start holds what an agent starts with.
type Start struct {
	Policy   *policy.Effective
	Settings policy.Paths // where Policy is from, to be followed
	StateDir string
	Tray     bool
	Show     bool // a person asked for it, who is shown the state
	Held     *control.Held
	Logger   *slog.Logger
	Level    *slog.LevelVar // of the log
	Journal  *journal.Log
	Events   *events.Sender
	// Startable returns a *state.RestartError where the program that is installed would not
	// serve in this one's stead.
	Startable func(ctx context.Context) error
}

// Run runs a command line, of which args excludes the program's name, and returns
// the program's exit status.
func (program Program) Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s := &invocation{Program: program, stdout: stdout, stderr: stderr}
	root := s.commands()
	if isCompletion(args) {
		return s.exit(ctx, s.completes(ctx, root, args), root)
	}
	err := s.line.parse(root, args)
	s.load()
	if err != nil || s.line.help || !s.line.serves() { // an agent is to listen soon, and prints no help
		translate(root, s.Catalogue)
	}
	if err == nil {
		err = s.line.check(root)
	}
	if err == nil {
		err = s.run(ctx, root)
	}
	return s.exit(ctx, err, root)
}

// run runs a command line that has been checked.
func (s *invocation) run(ctx context.Context, root *cobra.Command) error {
	c, args, _ := root.Find(s.line.args)
	if s.line.help {
		s.printHelp(c)
		return nil
	}
	c.SetContext(ctx)
	return c.RunE(c, args)
}

// status is an exit status whose reason has been printed.
type status int

func (e status) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

const (
	errProblem = status(exitProblem)
	errUsage   = status(exitUsage)
)

// exit prints what has not been printed yet of err, and returns its status.
func (s *invocation) exit(ctx context.Context, err error, root *cobra.Command) int {
	var (
		known status
		wrong *misuse

		unable unexamined
	)
	switch {
	case err == nil:
		return exitGood
	case errors.As(err, &known):
		return int(known)
	case errors.As(err, &wrong):
		s.complain(wrong.text(s.Catalogue))
		if topic := s.line.topic(root); topic == "" || topic == defaultCommand {
			s.report(ctx, wrong.text(s.Catalogue))
		}
		fmt.Fprintln(s.stderr, s.Text("command.misuse.help", strings.TrimSpace("cpx-agent "+s.line.topic(root))+" --help"))
		return exitUsage
	}
	s.complain(s.errorText(err))
	if s.line.serves() {
		s.report(ctx, s.errorText(err))
	}
	if errors.As(err, &unable) {
		return exitFailed
	}
	if errors.Is(err, s.settingsErr) {
		return exitUsage
	}
	return exitProblem
}

// errorText is an error as it is printed: in the person's language where it has a text.
func (s *invocation) errorText(err error) string {
	if bad, ok := errors.AsType[*policy.SettingsError](err); ok {
		return bad.In(s.lang)
	}
	if peer.Reason(err) != "" {
		return strings.TrimSpace(peer.Why(err, s.lang) + " " + peer.Next(err, s.lang))
	}
	if ports, ok := errors.AsType[*policy.PortsInUseError](err); ok {
		return s.Text("command.no_port", ports.First, ports.Last) + " " + s.Text("doctor.more_ports")
	}
	if errors.Is(err, control.ErrNoSpace) || atomicfile.NoSpace(err) {
		return s.Text("command.no_space", err)
	}
	if bad, ok := errors.AsType[*fs.PathError](err); ok && (errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)) {
		return s.Text("command.no_rights", bad.Path, bad.Err)
	}
	return err.Error()
}
