package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/internal/dirs"
	"github.com/cpx-bridge/cpx-bridge/internal/language"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

func (s *invocation) policyCommand() *cobra.Command {
	var setup bool
	c := plainCommand("policy", about{short: "command.policy.short", long: "command.policy.long", exits: "command.policy.exits"}, func(context.Context, []string) error {
		switch {
		case setup:
			return s.checkSetup()
		case s.settingsErr != nil:
			return s.settingsErr
		}
		return s.showPolicy()
	})
	c.Flags().BoolVar(&setup, "setup", false, "command.policy.setup")
	c.AddCommand(s.browsersCommand())
	return c
}

// checkSetup is for an installer, which is to answer for what it was given, and not for a
// group policy or a person's file that were bad before it came.
func (s *invocation) checkSetup() error {
	err := s.paths.CheckSetup()
	if errors.Is(err, policy.ErrNoSetup) {
		s.complain(s.Text("command.quit.not_here"))
		return errProblem
	}
	return err
}

// showPolicy prints the settings in force: for those that no file sets, what the
// default means on this machine now.
func (s *invocation) showPolicy() error {
	for _, setting := range s.settingsInForce() {
		fmt.Fprintf(s.stdout, "%-20s %-40s %s\n", setting.Key, setting.Value, setting.From)
	}
	for _, w := range s.Warnings {
		s.say(s.Text("command.policy.not_taken", fmt.Sprintf("%s:%d: %s", w.File, w.Line, w.Key), w.In(s.lang)))
	}
	if len(s.Warnings) > 0 {
		return errProblem
	}
	return nil
}

// settingsInForce are the settings, each with where it comes from.
func (s *invocation) settingsInForce() []policy.Setting {
	list := s.Describe()
	for i := range list {
		if list[i].From == policy.Default {
			list[i].From = s.Text("command.policy.default")
		}
		s.inForce(&list[i])
	}
	return list
}

// inForce fills in what the default means on this machine.
func (s *invocation) inForce(setting *policy.Setting) {
	switch setting.Key {
	case "modules":
		if found := pkcs11.DefaultModules(); len(s.Modules) == 0 && len(found) > 0 {
			setting.Value, setting.From = policy.Show(found), s.Text("command.policy.first_place")
		}
	case "pinentry":
		if runtime.GOOS != "linux" || s.Pinentry != "" {
			return // elsewhere the dialogs are the system's own
		}
		if program, err := prompt.Installed(""); err == nil && program != "" {
			setting.Value, setting.From = policy.Show(program), s.Text("command.policy.on_path")
		}
	case "lang":
		s.languageInForce(setting)
	}
}

func (s *invocation) languageInForce(setting *policy.Setting) {
	setting.Value = policy.Show(s.personsLanguage(slog.New(slog.DiscardHandler)))
	dir, err := dirs.State()
	if err != nil {
		return
	}
	if chosen, _ := language.NewChoice(dir).Get(); chosen != "" && !s.Fixed("lang") {
		setting.From = s.Text("command.policy.chosen")
	} else if s.Lang == "" {
		setting.From = s.Text("command.policy.desktop")
	}
}
