package command

import (
	"context"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func (s *invocation) completionCommand() *cobra.Command {
	var c *cobra.Command
	shells := []string{"bash", "zsh", "fish"}
	c = plainCommand("completion", about{
		short: "command.completion.short", long: "command.completion.long", use: "SHELL", wants: "command.completion.wants",
	}, func(_ context.Context, args []string) error {
		switch root := c.Root(); args[0] {
		case "bash":
			return root.GenBashCompletionV2(s.stdout, true)
		case "zsh":
			return root.GenZshCompletion(s.stdout)
		case "fish":
			return root.GenFishCompletion(s.stdout, true)
		}
		return misused("command.misuse.wrong_verb", c.Name(), strings.Join(shells, ", "), args[0])
	})
	c.ValidArgsFunction = cobra.FixedCompletions(shells, cobra.ShellCompDirectiveNoFileComp)
	return c
}

// isCompletion recognizes a request of the shells' completion. Its command line is
// unfinished, so that only the library may parse it.
func isCompletion(args []string) bool {
	return len(args) > 0 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd)
}

func (s *invocation) completes(ctx context.Context, root *cobra.Command, args []string) error {
	s.load()
	translate(root, s.Catalogue)
	walk(root, func(c *cobra.Command) {
		c.Short = inOneLine(c.Short)
		c.LocalFlags().VisitAll(func(f *pflag.Flag) { f.Usage = inOneLine(f.Usage) })
	})
	root.SetArgs(args)
	return root.ExecuteContext(ctx)
}

// inOneLine is a text of the help for a list that shows one line, without the marks
// of an option's value.
func inOneLine(text string) string { return strings.NewReplacer("\n", " ", "`", "").Replace(text) }

// complete sets the values that the shells' completion offers for an option.
func complete(c *cobra.Command, option string, values ...string) {
	if err := c.RegisterFlagCompletionFunc(option, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the command has no such option
	}
}
