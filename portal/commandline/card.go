package commandline

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/cpx-bridge/cpx-bridge/portal/administration"
)

func (i *invocation) cardCommands() *cobra.Command {
	list := i.withJSON(i.named("list --config FILE [--name LOGIN] [--json]", "the attached cards", "Lists the cards that are attached, of one account or of all.", false,
		func(ctx context.Context, a *administration.Administration, name string) error {
			cards, err := a.Cards(ctx, name)
			if err != nil {
				return err
			}
			return i.print(map[string]any{"cards": cards}, func() {
				rows := [][]string{{"CARD", "USER NAME", "HOLDER", "IDENTIFIER", "KIND", "GROUP", "ATTACHED (UTC)", "USED (UTC)"}}
				for _, c := range cards {
					rows = append(rows, []string{fmt.Sprint(c.ID), c.Account, c.Holder, c.Identifier, c.Kind, c.Group, c.Attached.UTC().Format(minutes), c.Used.UTC().Format(minutes)})
				}
				i.table(rows)
			})
		}))
	var number int64
	detach := i.command("detach --config FILE --card NUMBER", "detach a card, and end its sessions",
		"Detaches a card, by the number that card list shows. The sessions that it opened\nend. The card can be attached anew with an account's password.",
		func(ctx context.Context, _ []string) error {
			if number <= 0 {
				return misused("--card is missing: card list shows the numbers")
			}
			return i.administer(ctx, func(a *administration.Administration) error {
				ended, err := a.RemoveCard(ctx, number)
				if err != nil {
					return err
				}
				return i.print(map[string]any{"detached": number, "sessions_ended": ended}, func() {
					fmt.Fprintf(i.stdout, "The card %d is detached. Sessions that ended: %d.\n", number, ended)
				})
			})
		})
	detach.Flags().Int64Var(&number, "card", 0, "the card's `NUMBER`")
	return i.group("card", "the attached cards", "", list, i.withJSON(detach))
}

func (i *invocation) sessionCommands() *cobra.Command {
	list := i.withJSON(i.named("list --config FILE [--name LOGIN] [--json]", "who is logged in", "Lists the sessions of who is logged in, of one account or of all. Some may have\nbeen idle for too long, which ends them at their next request.", false,
		func(ctx context.Context, a *administration.Administration, name string) error {
			sessions, err := a.Sessions(ctx, name)
			if err != nil {
				return err
			}
			return i.print(map[string]any{"sessions": sessions}, func() {
				rows := [][]string{{"SESSION", "USER NAME", "CARD", "BEGAN (UTC)", "SEEN (UTC)", "FROM", "BROWSER"}}
				for _, s := range sessions {
					rows = append(rows, []string{s.ID, s.Account, fmt.Sprint(s.Card), s.Began.UTC().Format(minutes), s.Seen.UTC().Format(minutes), s.Address, s.Browser})
				}
				i.table(rows)
			})
		}))
	var all bool
	end := i.named("end --config FILE {--name LOGIN | --all}", "end an account's sessions, or everybody's", "Ends the sessions of an account, or of all. Who has a card can log in again:\nuser disable keeps an account out.", false,
		func(ctx context.Context, a *administration.Administration, name string) error {
			if (name == "") != all {
				return misused("either --name LOGIN or --all is needed")
			}
			ended, err := a.EndSessions(ctx, name)
			if err != nil {
				return err
			}
			return i.print(map[string]any{"sessions_ended": ended}, func() { fmt.Fprintf(i.stdout, "Sessions that ended: %d.\n", ended) })
		})
	end.Flags().BoolVar(&all, "all", false, "of all accounts")
	return i.group("session", "the sessions of who is logged in", "", list, i.withJSON(end))
}

func (i *invocation) auditCommands() *cobra.Command {
	var since string
	list := i.named("list --config FILE [--since WHEN] [--name LOGIN] [--json]", "who did what", "Lists the audit log, the oldest first: who attached, logged in, failed, detached,\nfrom where, by which certificate, and what operators did.", false,
		func(ctx context.Context, a *administration.Administration, name string) error {
			from, err := i.sinceWhen(since)
			if err != nil {
				return err
			}
			events, err := a.Audit(ctx, from, name)
			if err != nil {
				return err
			}
			return i.print(map[string]any{"events": events}, func() {
				rows := [][]string{{"WHEN (UTC)", "EVENT", "ACCOUNT", "USER NAME", "CARD", "FROM", "REASON", "CERTIFICATE"}}
				number := func(n int64) string {
					if n == 0 {
						return ""
					}
					return fmt.Sprint(n)
				}
				for _, e := range events {
					rows = append(rows, []string{e.At.UTC().Format(time.DateTime), e.Event, number(e.Account), e.Name, number(e.Card), e.Address, e.Reason, e.Certificate})
				}
				i.table(rows)
			})
		})
	list.Flags().StringVar(&since, "since", "", "from `WHEN` on: a day such as 2026-03-31 (UTC), or how long ago,\nsuch as 24h")
	return i.group("audit", "the audit log", "", i.withJSON(list))
}

func (i *invocation) sinceWhen(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day, nil
	}
	ago, err := time.ParseDuration(text)
	if err != nil || ago < 0 {
		return time.Time{}, misused("--since: %q is neither a day, such as 2026-03-31, nor a duration, such as 24h", text)
	}
	return i.Now().Add(-ago), nil
}
