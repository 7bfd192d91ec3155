package command

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/cpx-bridge/cpx-bridge/agent/autostart"
	"github.com/cpx-bridge/cpx-bridge/agent/doctor"
	"github.com/cpx-bridge/cpx-bridge/agent/remote"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/dirs"
	"github.com/cpx-bridge/cpx-bridge/internal/visible"
)

func (s *invocation) doctorCommand() *cobra.Command {
	var identity bool
	c := plainCommand("doctor", about{short: "command.doctor.short", long: "command.doctor.long", exits: "command.doctor.exits", use: "[--json] [--identity]"}, func(ctx context.Context, _ []string) error {
		switch {
		case s.settingsErr == nil:
			return s.doctor(ctx, identity)
		case s.json:
			return s.badSettings(identity)
		}
		return s.settingsErr
	})
	c.Flags().BoolVar(&s.json, "json", false, "command.doctor.json")
	c.Flags().BoolVar(&identity, "identity", false, "command.doctor.identity")
	return c
}

// badSettings prints the report where bad settings prevent all other checks:
// a collector of reports gets one from every workstation.
func (s *invocation) badSettings(identity bool) error {
	s.complain(s.errorText(s.settingsErr))
	if err := s.printJSON(doctor.BadSettings(s.settingsErr, s.lang, s.Version, identity)); err != nil {
		return err
	}
	return errUsage
}

// doctor examines the workstation. It changes nothing in a running agent.
func (s *invocation) doctor(ctx context.Context, identity bool) error {
	dir, err := dirs.State()
	if err != nil {
		return err
	}
	r := doctor.Run(ctx, doctor.Options{
		Policy: s.Effective, Lang: s.lang, Agent: s.Version, StateDir: dir, Identity: identity, Display: s.Display,
		Cards: func(ctx context.Context) (state.Cards, error) {
			c, err := s.readCards(ctx, true, io.Discard)
			return c.Cards, err
		},
		Answers: func(ctx context.Context) (state.State, error) {
			ctx, cancel := context.WithTimeout(ctx, askLimit)
			defer cancel()
			return remote.Desktop(ctx, dir)
		},
		Autostart: func() (bool, string, string, error) {
			now, err := autostart.Get()
			return now.Enabled, now.Where, now.Missing, err
		},
	})
	if !s.json {
		printFindings(s.stdout, r)
	} else if err := s.printJSON(r); err != nil {
		return err
	}
	if r.Outcome == doctor.Problem {
		return errProblem
	}
	return nil
}

func printFindings(w io.Writer, r doctor.Report) {
	marks := map[doctor.Outcome]string{doctor.Good: "✓", doctor.Notice: "!", doctor.Problem: "✗", doctor.Unknown: "?"}
	for _, f := range r.Findings {
		fmt.Fprintf(w, "%s %s\n", marks[f.Outcome], visible.Text(f.Text))
		if f.Next != "" {
			fmt.Fprintf(w, "    → %s\n", visible.Text(f.Next))
		}
	}
}
