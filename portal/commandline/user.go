package commandline

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/cpx-bridge/cpx-bridge/internal/plainfile"
	"github.com/cpx-bridge/cpx-bridge/internal/visible"
	"github.com/cpx-bridge/cpx-bridge/portal/administration"
)

func (i *invocation) userCommands() *cobra.Command {
	return i.group("user", "the accounts", "", i.userListCommand(), i.userAddCommand(), i.userImportCommand(), i.userDisableCommand(),
		i.userEnableCommand(), i.userPasswordCommand(), i.userExportCommand(), i.userEraseCommand())
}

// administer does something with the portal's database, which other processes may use
// meanwhile.
func (i *invocation) administer(ctx context.Context, do func(*administration.Administration) error) error {
	a, err := administration.Open(ctx, i.config, i.Now)
	if errors.Is(err, administration.ErrNoDatabase) {
		return fmt.Errorf("%w: serve, user add and user import make one, and restore puts a copy there; "+
			"where there should be one, look at the setting \"database\" of %s", err, i.config)
	}
	return with(a, err, do)
}

// administerNew is administer, and makes the database where there is none.
func (i *invocation) administerNew(ctx context.Context, do func(*administration.Administration) error) error {
	a, err := administration.Create(ctx, i.config, i.Now)
	return with(a, err, do)
}

func with(a *administration.Administration, err error, do func(*administration.Administration) error) error {
	if err != nil {
		return err
	}
	return errors.Join(do(a), a.Close())
}

// named is a command about the account of a user name, which it needs where must says so.
func (i *invocation) named(use, short, long string, must bool, do func(ctx context.Context, a *administration.Administration, name string) error) *cobra.Command {
	var name string
	c := i.command(use, short, long, func(ctx context.Context, _ []string) error {
		if must && name == "" {
			return misused("--name is missing")
		}
		return i.administer(ctx, func(a *administration.Administration) error { return do(ctx, a, name) })
	})
	c.Flags().StringVar(&name, "name", "", "the account's user name (`LOGIN`)")
	return c
}

// table prints rows in columns; the first is the heading.
func (i *invocation) table(rows [][]string) {
	w := tabwriter.NewWriter(i.stdout, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		cells := make([]string, len(row))
		for j, cell := range row {
			cells[j] = visible.Text(cell)
		}
		fmt.Fprintln(w, strings.TrimRight(strings.Join(cells, "\t"), "\t"))
	}
	_ = w.Flush() // what is wrong with standard output is told nobody
}

const minutes = "2006-01-02 15:04"

func (i *invocation) userListCommand() *cobra.Command {
	return i.withJSON(i.command("list --config FILE [--json]", "all accounts", "Lists all accounts.", func(ctx context.Context, _ []string) error {
		return i.administer(ctx, func(a *administration.Administration) error {
			list, err := a.Accounts(ctx)
			if err != nil {
				return err
			}
			return i.print(map[string]any{"users": list}, func() {
				rows := [][]string{{"ACCOUNT", "USER NAME", "NAME", "SERVICE", "REGION", "CARDS", "SESSIONS", "STATE"}}
				for _, u := range list {
					state := ""
					if u.Disabled != nil {
						state = "disabled " + u.Disabled.UTC().Format(minutes) + " UTC"
					}
					rows = append(rows, []string{fmt.Sprint(u.ID), u.Name, u.Display, u.Service, u.Region, fmt.Sprint(u.Cards), fmt.Sprint(u.Sessions), state})
				}
				i.table(rows)
			})
		})
	}))
}

func (i *invocation) userAddCommand() *cobra.Command {
	var n administration.NewAccount
	c := i.command("add --config FILE --name LOGIN --display NAME --service SERVICE [--region ID]", "add an account",
		"Adds an account. The password, of at least 10 characters, is read from standard\ninput, one line.",
		func(ctx context.Context, _ []string) error {
			return i.administerNew(ctx, func(a *administration.Administration) (err error) {
				if n.Password, err = i.password(); err != nil {
					return err
				}
				if err := a.AddAccount(ctx, n); err != nil {
					return err
				}
				return i.print(map[string]any{"added": n.Name}, func() { fmt.Fprintf(i.stdout, "The account %q can log in.\n", n.Name) })
			})
		})
	f := c.Flags()
	f.StringVar(&n.Name, "name", "", "what the person types to log in (`LOGIN`)")
	f.StringVar(&n.Display, "display", "", "the person's `NAME` as pages show it")
	f.StringVar(&n.Service, "service", "", "the `SERVICE` the person works in")
	f.StringVar(&n.Region, "region", "", "a region's `ID` in the texts")
	return i.withJSON(c)
}

// password reads one line, without echo where a person types it.
func (i *invocation) password() (string, error) {
	if f, ok := i.stdin.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprint(i.stderr, "Password: ")
		text, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(i.stderr)
		return string(text), err
	}
	line, err := bufio.NewReader(i.stdin).ReadString('\n')
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return strings.TrimRight(line, "\r\n"), err
}

func (i *invocation) userImportCommand() *cobra.Command {
	var secrets string
	var only bool
	c := i.command("import --config FILE [OPTIONS] CSV", "add accounts from a file",
		`Adds the accounts of a CSV file, all or none. Its first line names the columns:
name (what the person types), display, service, and where wanted region and
password; in French identifiant, nom, service, region, mot de passe. Semicolons,
commas or tabs; UTF-8, as Excel saves "CSV UTF-8".

Whoever has no password in the file gets one, which is written to the file that
--passwords names; it must not exist yet. What is wrong is said by line.`,
		func(ctx context.Context, args []string) error { return i.userImport(ctx, args[0], secrets, only) })
	c.Args = func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return misused("one file to import is needed, and %d are named", len(args))
		}
		return nil
	}
	c.Flags().StringVar(&secrets, "passwords", "", "write the passwords that were made to this new `FILE`")
	c.Flags().BoolVar(&only, "dry-run", false, "say what would be done, and change nothing")
	return i.withJSON(c)
}

func (i *invocation) userImport(ctx context.Context, file, secrets string, only bool) error {
	content, err := plainfile.Read(file)
	if err != nil {
		return err
	}
	return i.administerNew(ctx, func(a *administration.Administration) error {
		list, err := a.ReadAccounts(ctx, content)
		if err != nil {
			return fmt.Errorf("%w\n%s: nothing was imported", err, file)
		}
		generated := 0
		for _, one := range list {
			if one.Generated {
				generated++
			}
		}
		if generated > 0 && secrets == "" && !only {
			return fmt.Errorf("%d accounts have no password in the file: name a new file for those that are made for them with --passwords FILE", generated)
		}
		if !only {
			if err := importInto(ctx, a, list, secrets, generated); err != nil {
				return fmt.Errorf("%w\n%s: nothing was imported", err, file)
			}
		}
		return i.print(map[string]any{"imported": len(list), "passwords_made": generated, "dry_run": only}, func() {
			if only {
				fmt.Fprintf(i.stdout, "%d accounts could be imported, %d of them without a password. Nothing was changed: this was a dry run.\n", len(list), generated)
				return
			}
			fmt.Fprintf(i.stdout, "%d accounts can log in.\n", len(list))
			if generated > 0 {
				fmt.Fprintf(i.stdout, "%d passwords were made: %s. Hand them over, then delete the file.\n", generated, secrets)
			}
		})
	})
}

// importInto writes the passwords first, so that none is lost where the disk is full.
func importInto(ctx context.Context, a *administration.Administration, list []administration.Imported, secrets string, generated int) (err error) {
	if generated > 0 {
		f, err := os.OpenFile(secrets, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		w := csv.NewWriter(f)
		w.Comma = ';'
		_ = w.Write([]string{"name", "password"})
		for _, one := range list {
			if one.Generated {
				_ = w.Write([]string{one.Name, one.Password})
			}
		}
		w.Flush()
		if err := errors.Join(w.Error(), f.Sync(), f.Close()); err != nil {
			return errors.Join(err, os.Remove(secrets))
		}
	}
	if err := a.Import(ctx, list); err != nil {
		if generated > 0 {
			err = errors.Join(err, os.Remove(secrets))
		}
		return err
	}
	return nil
}

func (i *invocation) userDisableCommand() *cobra.Command {
	return i.withJSON(i.named("disable --config FILE --name LOGIN", "let an account in no more, and end its sessions",
		"The account cannot log in any more, neither by card nor by password, and its\nsessions end. Its cards stay attached; enable undoes it.", true,
		func(ctx context.Context, a *administration.Administration, name string) error {
			ended, err := a.Disable(ctx, name)
			if err != nil {
				return err
			}
			return i.print(map[string]any{"disabled": name, "sessions_ended": ended}, func() {
				fmt.Fprintf(i.stdout, "The account %q is disabled. Sessions that ended: %d.\n", name, ended)
			})
		}))
}

func (i *invocation) userEnableCommand() *cobra.Command {
	return i.withJSON(i.named("enable --config FILE --name LOGIN", "let a disabled account in again", "The account can log in again, by its cards as before.", true,
		func(ctx context.Context, a *administration.Administration, name string) error {
			if err := a.Enable(ctx, name); err != nil {
				return err
			}
			return i.print(map[string]any{"enabled": name}, func() { fmt.Fprintf(i.stdout, "The account %q can log in.\n", name) })
		}))
}

func (i *invocation) userPasswordCommand() *cobra.Command {
	return i.withJSON(i.named("password --config FILE --name LOGIN", "give an account another password",
		"Gives the account another password, which is read from standard input, one line.\nThe old one is worth nothing from then on. Cards stay attached, and who is logged\nin by a card stays so: session end ends that.", true,
		func(ctx context.Context, a *administration.Administration, name string) error {
			password, err := i.password()
			if err != nil {
				return err
			}
			if err := a.ResetPassword(ctx, name, password); err != nil {
				return err
			}
			return i.print(map[string]any{"password_reset": name}, func() { fmt.Fprintf(i.stdout, "The account %q has the new password.\n", name) })
		}))
}

func (i *invocation) userExportCommand() *cobra.Command {
	return i.named("export --config FILE --name LOGIN", "all that the portal has about a person, as JSON",
		"Prints all that the portal has about the person of an account, as JSON: the\naccount, the cards, the sessions, and the audit log's rows. No password, and no\nhash of one.", true,
		func(ctx context.Context, a *administration.Administration, name string) error {
			person, err := a.Export(ctx, name)
			if err != nil {
				return err
			}
			i.json = true
			return i.print(person, nil)
		})
}

func (i *invocation) userEraseCommand() *cobra.Command {
	var sure bool
	c := i.named("erase --config FILE --name LOGIN --yes", "delete a person's account and data",
		"Deletes the account with its cards and sessions, and takes the person's name,\ncertificates and addresses out of the audit log, whose rows stay under the\naccount's number. That cannot be undone; backups have it still.", true,
		func(ctx context.Context, a *administration.Administration, name string) error {
			if !sure {
				return misused("this cannot be undone: say --yes to erase %q", name)
			}
			if err := a.Erase(ctx, name); err != nil {
				return err
			}
			return i.print(map[string]any{"erased": name}, func() { fmt.Fprintf(i.stdout, "The account %q is erased.\n", name) })
		})
	c.Flags().BoolVar(&sure, "yes", false, "it is meant")
	return i.withJSON(c)
}
