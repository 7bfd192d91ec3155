// Package commandline is the command line of the portal: what each command does and prints,
// on top of the portal's packages.
//
// A [Program] may be used concurrently; each Run is a command line of its own. The
// package never prints a password, and reads one from standard input alone.
package commandline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cpx-bridge/cpx-bridge/internal/tomlfile"
	"github.com/cpx-bridge/cpx-bridge/internal/visible"
	"github.com/cpx-bridge/cpx-bridge/portal/trust"
)

// Exit statuses.
const (
	exitGood    = 0
	exitProblem = 1
	exitUsage   = 2 // wrong use, or bad settings
)

// Program is what the program provides to its command line.
type Program struct {
	Version string
	Known   []trust.CA       // nil: trust.IGCSante
	Now     func() time.Time // nil: time.Now
}

// Run runs a command line, of which args excludes the program's name, and returns the
// program's exit status.
func (p Program) Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if p.Known == nil {
		p.Known = trust.IGCSante
	}
	if p.Now == nil {
		p.Now = time.Now
	}
	i := &invocation{Program: p, stdin: stdin, stdout: stdout, stderr: stderr}
	root := i.commands()
	if len(args) == 0 { // else cobra would take the test program's own
		args = []string{}
	}
	root.SetArgs(args)
	c, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitGood
	}
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintln(stderr, "cpx-portal:", visible.Text(strings.TrimRight(line, "\n")))
	}
	var wrong *misuse
	var bad *tomlfile.Error
	switch {
	case errors.As(err, &wrong):
		fmt.Fprintf(stderr, "\n%s", c.UsageString())
		return exitUsage
	case errors.As(err, &bad):
		return exitUsage
	}
	return exitProblem
}

// invocation is one command line.
type invocation struct {
	Program
	stdin          io.Reader
	stdout, stderr io.Writer
	config         string
	json           bool
}

// misuse is a command line that no command understands.
type misuse struct{ text string }

func (m *misuse) Error() string { return m.text }

func misused(format string, args ...any) error { return &misuse{fmt.Sprintf(format, args...)} }

func init() {
	cobra.EnableCommandSorting = false // the help follows the order of the tree
}

func (i *invocation) commands() *cobra.Command {
	root := i.group("cpx-portal", "the reference portal: login by CPx card", `The reference portal: login by CPx card.

Exit status: 0 good, 1 a problem was found or something failed, 2 wrong use or
bad settings.`,
		i.serveCommand(),
		i.userCommands(), i.cardCommands(), i.sessionCommands(), i.auditCommands(),
		i.backupCommand(), i.restoreCommand(),
		i.group("trust", "the authorities whose cards are accepted", "", i.trustAddCommand(), i.trustListCommand()),
		i.versionCommand(),
	)
	root.SilenceErrors, root.SilenceUsage, root.CompletionOptions.DisableDefaultCmd = true, true, true
	root.SetOut(i.stdout)
	root.SetErr(i.stderr)
	root.Version = i.Version
	root.SetVersionTemplate("cpx-portal {{.Version}}\n")
	root.SetUsageTemplate(usageTemplate)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return misused("%v", err) })
	return root
}

// group is a command that only groups others.
func (i *invocation) group(name, short, long string, commands ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use: name, Short: short, Long: long, Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			path := strings.TrimPrefix(strings.TrimPrefix(c.CommandPath(), "cpx-portal"), " ")
			if path != "" {
				path += ": "
			}
			if len(args) == 0 {
				return misused("%sa command is missing", path)
			}
			if slices.ContainsFunc(c.Commands(), func(one *cobra.Command) bool { return one.Name() == args[0] }) {
				return misused("options stand behind the command: %s %s OPTIONS", c.CommandPath(), args[0])
			}
			return misused("%sunknown command %q", path, args[0])
		},
	}
	c.FParseErrWhitelist.UnknownFlags = true // they are of the command, which is unknown or missing
	c.Flags().SortFlags = false
	c.AddCommand(commands...)
	return c
}

// command is a command that needs the settings file.
func (i *invocation) command(use, short, long string, do func(ctx context.Context, args []string) error) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: short, Long: long, Args: noArgs, DisableFlagsInUseLine: true,
		RunE: func(c *cobra.Command, args []string) error {
			if i.config == "" {
				return misused("--config is missing")
			}
			return do(c.Context(), args)
		},
	}
	c.Flags().SortFlags = false
	c.Flags().StringVar(&i.config, "config", "", "the portal's settings `FILE`")
	return c
}

// withJSON gives a command the option --json.
func (i *invocation) withJSON(c *cobra.Command) *cobra.Command {
	c.Flags().BoolVar(&i.json, "json", false, "print JSON")
	return c
}

func noArgs(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return misused("unexpected %q", args[0])
	}
	return nil
}

// print prints a value as JSON where that is asked for, and else as text does.
func (i *invocation) print(value any, text func()) error {
	if !i.json {
		text()
		return nil
	}
	e := json.NewEncoder(i.stdout)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(value)
}

func (i *invocation) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "the version of this program", Args: noArgs,
		Run: func(*cobra.Command, []string) { fmt.Fprintln(i.stdout, "cpx-portal", i.Version) },
	}
}
