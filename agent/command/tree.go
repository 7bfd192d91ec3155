package command

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cpx-bridge/cpx-bridge/internal/language"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

func init() {
	cobra.EnableCommandSorting = false // the help follows the order of the tree
}

// about describes a command for the help, by keys of texts; a string that is no
// key is the same in all languages.
type about struct {
	short texts.Key // one line
	long  texts.Key // the whole description
	exits texts.Key // its exit statuses
	use   texts.Key // what follows it in a line of usage
	wants texts.Key // the one argument that it needs, with an example; "" for none
}

// aboutOf returns a command's description, before and after translate.
func aboutOf(c *cobra.Command) about {
	a := c.Annotations
	return about{texts.Key(c.Short), texts.Key(c.Long), texts.Key(a["exits"]), texts.Key(a["use"]), texts.Key(a["wants"])}
}

// command is a command that needs the settings.
func (s *invocation) command(name string, a about, do func(ctx context.Context, args []string) error) *cobra.Command {
	return plainCommand(name, a, func(ctx context.Context, args []string) error {
		if s.settingsErr != nil {
			return s.settingsErr
		}
		return do(ctx, args)
	})
}

func plainCommand(name string, a about, do func(ctx context.Context, args []string) error) *cobra.Command {
	c := &cobra.Command{
		Use: name, Short: string(a.short), Long: string(a.long),
		Annotations:       map[string]string{"exits": string(a.exits), "use": string(a.use), "wants": string(a.wants)},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	if do != nil { // else it only groups its subcommands
		c.RunE = func(c *cobra.Command, args []string) error { return do(c.Context(), args) }
	}
	c.Flags().SortFlags, c.PersistentFlags().SortFlags = false, false
	return c
}

// commands is the tree of the commands. They hold keys until [translate] replaces
// them by texts: the tree is needed to find the language.
func (s *invocation) commands() *cobra.Command {
	root := plainCommand("cpx-agent", about{short: "command.help.program", exits: "command.help.exits", use: "command.help.use"}, nil)
	root.SilenceErrors, root.SilenceUsage, root.CompletionOptions.DisableDefaultCmd = true, true, true
	root.SetOut(s.stdout)
	root.SetErr(s.stderr)
	f := root.PersistentFlags()
	f.StringVar(&s.line.config, "config", "", "command.option.config")
	f.StringVar(&s.line.lang, "lang", "", "command.option.lang")
	f.BoolVarP(&s.line.help, "help", "h", false, "command.option.help")
	complete(root, "lang", language.French, language.English)
	root.AddCommand(
		s.runCommand(), s.certsCommand(), s.sitesCommand(), s.autostartCommand(), s.shortcutCommand(), s.doctorCommand(), s.policyCommand(), s.wssCommand(), s.restartCommand(), s.quitCommand(),
		s.completionCommand(), s.versionCommand(),
	)
	help := s.helpCommand()
	root.SetHelpCommand(help)
	root.AddCommand(help)
	return root
}

// translate replaces the keys in the tree by their texts.
func translate(root *cobra.Command, t texts.Catalogue) {
	text := func(key string) string { return t.Text(texts.Key(key)) }
	walk(root, func(c *cobra.Command) {
		c.Short, c.Long = text(c.Short), text(c.Long)
		for _, name := range []string{"exits", "use", "wants"} {
			c.Annotations[name] = text(c.Annotations[name])
		}
		c.LocalFlags().VisitAll(func(f *pflag.Flag) { f.Usage = text(f.Usage) })
	})
}
