package command

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/cpx-bridge/cpx-bridge/agent/control"
	"github.com/cpx-bridge/cpx-bridge/agent/remote"
	"github.com/cpx-bridge/cpx-bridge/internal/dirs"
)

// quitCommand needs no settings: who removes the program runs it whatever they are.
func (s *invocation) quitCommand() *cobra.Command {
	return plainCommand("quit", about{short: "command.quit.short", long: "command.quit.long", exits: "command.quit.exits"}, func(ctx context.Context, _ []string) error {
		dir, err := dirs.State()
		if err != nil {
			return err
		}
		return s.quit(ctx, dir)
	})
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
