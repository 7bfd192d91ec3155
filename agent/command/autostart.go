package command

import (
	"context"
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/cpx-bridge/cpx-bridge/agent/autostart"
)

func (s *invocation) autostartCommand() *cobra.Command {
	// It needs no settings: who mends bad ones may want the agent to start afterwards, or
	// not to start meanwhile.
	status := func(context.Context, []string) error { return s.autostartStatus() }
	c := plainCommand("autostart", about{short: "command.autostart.short", long: "command.autostart.long", exits: "command.autostart.exits", use: "[status|enable|disable]"}, status)
	c.AddCommand(
		plainCommand("status", about{short: "command.autostart.status"}, status),
		plainCommand("enable", about{short: "command.autostart.enable"}, func(context.Context, []string) error {
			program, err := os.Executable()
			if err == nil {
				err = autostart.Enable(program)
			}
			return s.autostartAfter(err, "enable")
		}),
		plainCommand("disable", about{short: "command.autostart.disable"}, func(context.Context, []string) error {
			return s.autostartAfter(autostart.Disable(), "disable")
		}),
	)
	return c
}

// autostartAfter prints the state after a change, which the command's word made.
func (s *invocation) autostartAfter(err error, verb string) error {
	if s.areForeign(err, "command.foreign") {
		return errProblem
	}
	switch {
	case errors.Is(err, autostart.ErrMachine):
		s.complain(s.Text("command.autostart.machine"))
		return errProblem
	case errors.Is(err, autostart.ErrUnit):
		now, err := autostart.Get()
		if err != nil {
			return err
		}
		s.complain(s.Text("command.autostart.unit", now.UnitOff))
		return errProblem
	case err != nil:
		return err
	}
	s.warnRoot("cpx-agent autostart " + verb)
	_, err = s.autostart()
	return err
}

// autostartStatus prints the state, and the command that changes it.
func (s *invocation) autostartStatus() error {
	now, err := s.autostart()
	change := s.Text("command.autostart.to_start")
	switch {
	case now.Where == "" && err != nil: // not known
		return err
	case now.Machine: // which only the administrator changes
		return err
	case now.Enabled && now.Unit == now.Where:
		// Whether this desktop reaches the unit's target nobody knows before a login.
		change = s.Text("command.autostart.to_end_unit", now.UnitOff) + "\n" + s.Text("command.autostart.to_start_too")
	case now.Enabled:
		change = s.Text("command.autostart.to_end")
	}
	s.say(change)
	return err
}

// autostart prints the state.
func (s *invocation) autostart() (autostart.State, error) {
	now, err := autostart.Get()
	switch {
	case err != nil:
		return autostart.State{}, err
	case now.Missing != "":
		s.say(s.Text("command.autostart.missing", now.Where, now.Missing))
		return now, errProblem
	case now.Enabled && now.Unit == now.Where:
		s.say(s.Text("command.autostart.on_unit", now.Unit))
	case now.Enabled && now.Unit != "":
		s.say(s.Text("command.autostart.on_both", now.Where, now.Unit))
	case now.Enabled:
		s.say(s.Text("command.autostart.on", now.Where))
	case now.Where != "":
		s.say(s.Text("command.autostart.off") + " (" + now.Where + ")")
	default:
		s.say(s.Text("command.autostart.off"))
	}
	return now, nil
}
