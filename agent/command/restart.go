package command

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cpx-bridge/cpx-bridge/agent/control"
	"github.com/cpx-bridge/cpx-bridge/agent/remote"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/dirs"
	"github.com/cpx-bridge/cpx-bridge/internal/owners"
	"github.com/cpx-bridge/cpx-bridge/internal/role"
)

const (
	// startableLimit is how long the program that is installed may need to say that it would
	// start. It is shorter than what a call over the control socket may take.
	startableLimit = 8 * time.Second
	// anewLimit is how long the next agent may need until it answers: a card may be at work.
	anewLimit = 45 * time.Second
	anewPause = 100 * time.Millisecond
	// mostSaid is how much of what it says is read.
	mostSaid = 4 << 10
)

// restartCommand needs no settings: those that are bad the agent itself says.
func (s *invocation) restartCommand() *cobra.Command {
	return plainCommand("restart", about{short: "command.restart.short", long: "command.restart.long", exits: "command.restart.exits"}, func(ctx context.Context, _ []string) error {
		dir, err := dirs.State()
		if err != nil {
			return err
		}
		return s.restart(ctx, dir)
	})
}

// restart has the program that is installed follow the running agent, and waits for it. That
// none runs, or that one already, is what the caller wants.
func (s *invocation) restart(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, anewLimit)
	defer cancel()
	err := remote.Restart(ctx, dir)
	bad, refused := errors.AsType[*state.RestartError](err)
	switch {
	case errors.Is(err, control.ErrNoAgent):
		s.say(s.Text("command.quit.none"))
		return nil
	case refused && bad.Reason == state.RestartSame:
		s.say(bad.Text(s.lang))
		return nil
	case refused:
		s.complain(bad.Text(s.lang))
		return errProblem
	case err != nil:
		s.complain(s.Text("command.restart.not_reached", err))
		return errProblem
	}
	for {
		x, err := remote.State(ctx, dir, false)
		if err == nil && x.Replaced == nil {
			s.say(s.Text("command.restart.done", x.Version))
			return nil
		}
		select {
		case <-ctx.Done():
			s.complain(s.Text("command.restart.none_answers"))
			return errProblem
		case <-time.After(anewPause):
		}
	}
}

// startable returns a *state.RestartError where the program that is installed would not serve
// in this one's stead: it is run, as the restart would run it, to say its version, and how it
// reads the settings that are in force here.
func (s *invocation) startable(ctx context.Context) error {
	program, err := os.Executable()
	if err != nil {
		return &state.RestartError{Reason: state.RestartFails, Detail: err.Error()}
	}
	if bad, is := errors.AsType[*owners.Error](owners.Check(program, owners.Person)); is {
		return &state.RestartError{Reason: state.RestartUntrusted, Detail: bad.Why(s.Catalogue)}
	}
	ctx, cancel := context.WithTimeout(ctx, startableLimit)
	defer cancel()
	if err := s.wouldServe(ctx, program); err != nil {
		return &state.RestartError{Reason: state.RestartFails, Detail: err.Error()}
	}
	return nil
}

// wouldServe returns why a program would not.
func (s *invocation) wouldServe(ctx context.Context, program string) error {
	said, err := run(ctx, program, "version")
	if err == nil && !strings.HasPrefix(said, "cpx-agent ") {
		err = errors.New("it is another program")
	}
	if err != nil {
		return err
	}
	_, err = run(ctx, program, append(s.ownOptions(), "policy")...)
	if bad, is := errors.AsType[*exec.ExitError](err); is && bad.ExitCode() == exitProblem {
		return nil // some settings are not taken, of which it complains of none: it serves without them
	}
	return err
}

// run runs a program that asks nobody anything. What it complains of is in the error.
func run(ctx context.Context, program string, args ...string) (said string, err error) {
	cmd := exec.CommandContext(ctx, program, args...)
	var out, complaint strings.Builder
	cmd.Stdout, cmd.Stderr = &bounded{Writer: &out, rest: mostSaid}, &bounded{Writer: &complaint, rest: mostSaid}
	cmd.WaitDelay = time.Second
	role.Hide(cmd)
	err = cmd.Run()
	switch first, _, _ := strings.Cut(strings.TrimSpace(complaint.String()), "\n"); {
	case err == nil:
	case ctx.Err() != nil:
		err = ctx.Err()
	case first != "":
		err = errors.New(first)
	}
	return out.String(), err
}

// bounded passes on what comes first, and drops the rest.
type bounded struct {
	io.Writer
	rest int
}

func (b *bounded) Write(text []byte) (int, error) {
	n := min(len(text), b.rest)
	b.rest -= n
	_, _ = b.Writer.Write(text[:n])
	return len(text), nil
}

// ownOptions are the options of all commands that this one was given.
func (s *invocation) ownOptions() (args []string) {
	if s.line.config != "" {
		args = append(args, "--config", s.line.config)
	}
	if s.line.lang != "" {
		args = append(args, "--lang", s.line.lang)
	}
	return args
}

// runLine is the command line of run with these options.
func (s *invocation) runLine(o runOptions) []string {
	args := append(s.ownOptions(), defaultCommand)
	for _, flag := range []struct {
		name string
		is   bool
	}{{"--no-tray", o.noTray}, {"--supervise", o.supervise}, {"--show", o.show}, {"--quiet", o.quiet}} {
		if flag.is {
			args = append(args, flag.name)
		}
	}
	return args
}

// unasked is a start for which no person waits: it shows no window.
func (o runOptions) unasked() runOptions {
	o.show, o.quiet = false, true
	return o
}

// startAnew has the program that is installed follow this process, once nothing of an agent
// is held here any more. It returns where that failed, and on Windows.
func (s *invocation) startAnew(o runOptions) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	return role.Follow(program, s.runLine(o.unasked()))
}
