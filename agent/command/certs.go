package command

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/visible"
)

func (s *invocation) certsCommand() *cobra.Command {
	c := s.command("certs", about{short: "command.certs.short", long: "command.certs.long", exits: "command.certs.exits", use: "[--json]"}, func(ctx context.Context, _ []string) error {
		return s.certs(ctx)
	})
	c.PersistentFlags().BoolVar(&s.json, "json", false, "command.certs.json")
	c.AddCommand(s.command("use", about{short: "command.certs.use_short", use: "ID", wants: "command.certs.use_wants"}, func(ctx context.Context, args []string) error {
		return s.certsUse(ctx, args[0])
	}))
	return c
}

func (s *invocation) certs(ctx context.Context) error {
	c, err := s.readCards(ctx, true, s.stderr)
	if err != nil {
		s.complain(s.unread(err))
	}
	if !s.json {
		fmt.Fprint(s.stdout, c.Text(s.lang))
	} else if err := s.printJSON(c.Cards); err != nil {
		return err
	}
	if err != nil || !slices.ContainsFunc(c.Certificates, func(c state.Certificate) bool { return c.Usable }) {
		return errProblem
	}
	return nil
}

// certsUse chooses a certificate by its ID or an unambiguous prefix. The running
// agent reads the cards anew only where its snapshot is not enough: a card may be
// slow.
func (s *invocation) certsUse(ctx context.Context, prefix string) error {
	c, err := s.readCards(ctx, false, s.stderr)
	if c.running && !c.names(prefix) {
		_, err = c.ask(ctx, true, s.reads)
	}
	if err != nil && !c.names(prefix) {
		s.complain(s.unread(err))
		return errProblem
	}
	found := c.beginning(prefix)
	if wrong := s.whyNot(found, prefix); wrong != "" {
		if behind := c.NotCurrent(s.lang); behind != "" {
			s.complain(behind)
		}
		s.complain(wrong)
		return errProblem
	}
	if err := c.use(ctx, found[0]); err != nil {
		return err
	}
	s.say(found[0].ID + "  " + visible.Text(found[0].Holder))
	return nil
}

// whyNot says why the certificates found for a prefix cannot be chosen, "" where
// the one found can.
func (s *invocation) whyNot(found []state.Certificate, prefix string) string {
	switch {
	case len(found) == 0:
		return s.Text("command.certs.none", visible.Text(prefix))
	case len(found) > 1:
		return s.Text("command.certs.ambiguous", visible.Text(prefix), len(found))
	case !found[0].Usable:
		return s.Text("command.certs.not_for_login", state.ReasonText(found[0].Reason, s.lang))
	}
	return ""
}
