package commandline

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cpx-bridge/cpx-bridge/portal/administration"
)

func (i *invocation) backupCommand() *cobra.Command {
	var to string
	c := i.command("backup --config FILE --to FILE", "copy the database while the portal runs",
		"Writes a copy of the database to a new file, as it is at one moment, and checks it.\nThe portal may run meanwhile. A copy by other programs lacks what is in the journal\nbeside the file, or is torn.\n\nFor PostgreSQL use pg_dump.",
		func(ctx context.Context, _ []string) error {
			if to == "" {
				return misused("--to is missing")
			}
			return i.administer(ctx, func(a *administration.Administration) error {
				if err := a.Store.Backup(ctx, to); err != nil {
					return err
				}
				return i.print(map[string]any{"backup": to}, func() { fmt.Fprintf(i.stdout, "The database is copied: %s\n", to) })
			})
		})
	c.Flags().StringVar(&to, "to", "", "the new `FILE`")
	return i.withJSON(c)
}

func (i *invocation) restoreCommand() *cobra.Command {
	var from string
	c := i.command("restore --config FILE --from FILE", "put a copy in the database's place",
		"Puts a copy that backup made in the place of the database, which stays beside it.\nAll instances must be stopped. Sessions and challenges of the copy end. What was\nchanged since is not in it: cards that were detached and accounts that were disabled\nare as they were.\n\nFor PostgreSQL use pg_restore, then session end --all.",
		func(ctx context.Context, _ []string) error {
			if from == "" {
				return misused("--from is missing")
			}
			before, err := administration.Restore(ctx, i.config, from, i.Now())
			if err != nil {
				return errors.Join(err, errors.New("nothing was changed"))
			}
			return i.print(map[string]any{"restored": from, "before": before}, func() {
				fmt.Fprintf(i.stdout, "The database is that of %s.\n", from)
				if before != "" {
					fmt.Fprintf(i.stdout, "The one before: %s\n", before)
				}
			})
		})
	c.Flags().StringVar(&from, "from", "", "the copy's `FILE`")
	return i.withJSON(c)
}
