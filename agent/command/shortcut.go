package command

import (
	"context"
	"errors"
	"os"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cpx-bridge/cpx-bridge/agent/autostart"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
	"github.com/cpx-bridge/cpx-bridge/internal/visible"
)

func (s *invocation) shortcutCommand() *cobra.Command {
	status := func(context.Context, []string) error { return s.shortcutStatus() }
	c := plainCommand("shortcut", about{short: "command.shortcut.short", long: "command.shortcut.long", exits: "command.shortcut.exits", use: "[status|add|remove]"}, status)
	c.AddCommand(
		plainCommand("status", about{short: "command.shortcut.status"}, status),
		plainCommand("add", about{short: "command.shortcut.add"}, func(context.Context, []string) error {
			program, err := os.Executable()
			if err == nil {
				err = autostart.AddToMenu(program, s.Icons())
			}
			return s.shortcutAfter(err, "add", "command.foreign")
		}),
		plainCommand("remove", about{short: "command.shortcut.remove"}, func(context.Context, []string) error {
			return s.shortcutAfter(autostart.RemoveFromMenu(s.Icons()), "remove", "command.shortcut.kept")
		}),
	)
	return c
}

// shortcutAfter prints the state after a change, which the command's word made, or by the key
// why others' files stay.
func (s *invocation) shortcutAfter(err error, verb string, foreign texts.Key) error {
	if s.areForeign(err, foreign) {
		return errProblem
	}
	switch {
	case errors.Is(err, autostart.ErrMachine):
		s.complain(s.Text("command.shortcut.machine"))
		return errProblem
	case errors.Is(err, autostart.ErrNoMenu):
		s.complain(s.Text("command.shortcut.none_here"))
		return errProblem
	case err != nil:
		return err
	}
	s.warnRoot("cpx-agent shortcut " + verb)
	_, err = s.shortcut()
	return err
}

// areForeign says by the key which of others' files stand in the way, where the error is that.
func (s *invocation) areForeign(err error, key texts.Key) bool {
	foreign, is := errors.AsType[*autostart.ForeignError](err)
	if is {
		s.complain(s.Text(key, visible.Text(strings.Join(foreign.Paths, ", "))))
	}
	return is
}

// shortcutStatus prints the state, and the command that changes it, where there is one.
func (s *invocation) shortcutStatus() error {
	now, err := s.shortcut()
	switch {
	case errors.Is(err, errProblem), err == nil && !now.Enabled && runtime.GOOS != "darwin":
		s.say(s.Text("command.shortcut.to_add"))
	case err == nil && now.Enabled && !now.Machine: // the administrator’s is theirs
		s.say(s.Text("command.shortcut.to_remove"))
	}
	return err
}

// shortcut prints the state.
func (s *invocation) shortcut() (autostart.State, error) {
	now, err := autostart.Menu()
	switch {
	case err != nil:
		return now, err
	case now.Missing != "":
		s.say(s.Text("command.shortcut.missing", now.Where, now.Missing))
		return now, errProblem
	case now.Enabled:
		s.say(s.Text("command.shortcut.on", now.Where))
	default:
		s.say(s.Text("command.shortcut.off"))
	}
	return now, nil
}
