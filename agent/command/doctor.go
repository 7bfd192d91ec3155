package command

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cpx-bridge/cpx-bridge/agent/autostart"
	"github.com/cpx-bridge/cpx-bridge/agent/doctor"
	"github.com/cpx-bridge/cpx-bridge/agent/remote"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/dirs"
)

func (s *invocation) doctorCommand() *cobra.Command {
	var identity bool
	c := plainCommand("doctor", about{short: "command.doctor.short", long: "command.doctor.long", exits: "command.doctor.exits", use: "[--json] [--identity]"}, func(ctx context.Context, _ []string) error {
		return s.doctor(ctx, identity)
	})
	c.Flags().BoolVar(&s.json, "json", false, "command.doctor.json")
	c.Flags().BoolVar(&identity, "identity", false, "command.doctor.identity")
	return c
}

// doctor examines the workstation, also where its settings are bad: what else is wrong
// there must not come out one by one. It changes nothing in a running agent.
func (s *invocation) doctor(ctx context.Context, identity bool) error {
	dir, err := dirs.State()
	if err != nil {
		return err
	}
	r := doctor.Run(ctx, doctor.Options{
		Policy: s.Effective, SettingsErr: s.settingsErr, Lang: s.lang, Agent: s.Version, StateDir: dir, Identity: identity, Display: s.Display,
		Cards: func(ctx context.Context) (state.Cards, error) {
			c, err := s.readCards(ctx, true, io.Discard)
			return c.Cards, err
		},
		Answers: func(ctx context.Context) (state.State, error) {
			ctx, cancel := context.WithTimeout(ctx, askLimit)
			defer cancel()
			return remote.Desktop(ctx, dir)
		},
		Autostart:  func() (doctor.Start, error) { return toStart(autostart.Get()) },
		Menu:       menuOfDoctor(),
		HowToStart: func() string { return s.howToStart() },
	})
	if !s.json {
		fmt.Fprint(s.stdout, r.Text())
	} else if err := s.printJSON(r); err != nil {
		return err
	}
	switch {
	case s.settingsErr != nil:
		return errUsage
	case r.Outcome == doctor.Problem:
		return errProblem
	}
	return nil
}

func toStart(s autostart.State, err error) (doctor.Start, error) {
	return doctor.Start{Enabled: s.Enabled, Where: s.Where, Missing: s.Missing, Program: s.Program, Supervised: s.Supervised, Unit: s.Unit}, err
}

// menuOfDoctor is nil where a program needs no entry to stand in a menu.
func menuOfDoctor() func() (doctor.Start, error) {
	if runtime.GOOS == "darwin" {
		return nil
	}
	return func() (doctor.Start, error) { return toStart(autostart.Menu()) }
}

// howToStart tells the person how the agent is started here, in one line.
func (s *invocation) howToStart() string {
	program, err := os.Executable()
	if err != nil {
		program = "cpx-agent"
	}
	return strings.ReplaceAll(autostart.HowToStart(s.lang, program), "\n", " ")
}
