package command

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cpx-bridge/cpx-bridge/agent/control"
	"github.com/cpx-bridge/cpx-bridge/agent/everyone"
	"github.com/cpx-bridge/cpx-bridge/agent/remote"
	"github.com/cpx-bridge/cpx-bridge/internal/dirs"
)

// quitCommand needs no settings: who removes the program runs it whatever they are.
func (s *invocation) quitCommand() *cobra.Command {
	var all, upgrade bool
	c := plainCommand("quit", about{short: "command.quit.short", long: "command.quit.long", exits: "command.quit.exits"}, func(ctx context.Context, _ []string) error {
		switch {
		case upgrade && !all:
			return misused("command.quit.upgrade_alone")
		case all:
			return s.quitEveryone(ctx, upgrade)
		}
		dir, err := dirs.State()
		if err != nil {
			return err
		}
		return s.quit(ctx, dir)
	})
	c.Flags().BoolVar(&all, "everyone", false, "command.quit.everyone")
	c.Flags().BoolVar(&upgrade, "upgrade", false, "command.quit.upgrade")
	return c
}

// quitEveryone ends the agents of all persons, for who replaces or removes the program.
func (s *invocation) quitEveryone(ctx context.Context, upgrade bool) error {
	remember := everyone.Forget
	if upgrade {
		remember = everyone.Remember
	}
	if err := remember(); err != nil {
		return s.everyoneFailed(err)
	}
	o, err := everyone.Quit(ctx, everyone.Patience)
	if err != nil {
		return s.everyoneFailed(err)
	}
	s.say(s.Text("command.quit.all_ended", len(o.Ended)+len(o.Forced), len(o.Forced)))
	if len(o.GoOn) > 0 {
		s.complain(s.Text("command.quit.all_go_on", fmt.Sprint(o.GoOn)))
		return errProblem
	}
	return nil
}

func (s *invocation) everyoneFailed(err error) error {
	switch {
	case errors.Is(err, everyone.ErrNotAdministrator):
		s.complain(s.Text("command.quit.no_administrator"))
	case errors.Is(err, everyone.ErrNotHere):
		s.complain(s.Text("command.quit.not_here"))
	default:
		return err
	}
	return errProblem
}

// quit ends the running agent, and waits for its end. That none runs is what the caller
// wants.
func (s *invocation) quit(ctx context.Context, dir string) error {
	asking, cancel := context.WithTimeout(ctx, endLimit)
	defer cancel()
	err := remote.Quit(asking, dir)
	var goesOn *control.GoesOnError
	switch {
	case err == nil:
		s.say(s.Text("command.quit.ended"))
		return nil
	case errors.Is(err, control.ErrNoAgent):
		s.say(s.Text("command.quit.none"))
		return nil
	case !errors.As(err, &goesOn):
		return err
	case goesOn.Supervisor:
		s.complain(s.Text("command.quit.starts_anew", goesOn.PID) + s.detail(goesOn.Cause.Error()))
	case asking.Err() != nil:
		s.complain(s.Text("command.quit.goes_on", goesOn.PID))
	default:
		s.complain(s.Text("command.quit.not_reached", goesOn.PID, goesOn.Cause))
	}
	return errProblem
}
