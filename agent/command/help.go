package command

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// column is where the description of an option or a command begins.
const column = 22

func (s *invocation) helpCommand() *cobra.Command {
	var c *cobra.Command
	c = plainCommand("help", about{short: "command.help.short"}, func(_ context.Context, args []string) error {
		topic, rest, _ := c.Root().Find(args)
		if topic == c.Root() && len(rest) > 0 {
			return misused("command.misuse.unknown_command", rest[0], names(c.Root()))
		}
		s.printHelp(topic)
		return nil
	})
	c.ValidArgsFunction = func(c *cobra.Command, args []string, _ string) (topics []string, _ cobra.ShellCompDirective) {
		if topic, rest, _ := c.Root().Find(args); len(rest) == 0 {
			for _, sub := range topic.Commands() {
				if sub.IsAvailableCommand() {
					topics = append(topics, sub.Name()+"\t"+sub.Short)
				}
			}
		}
		return topics, cobra.ShellCompDirectiveNoFileComp
	}
	return c
}

func (s *invocation) versionCommand() *cobra.Command {
	return plainCommand("version", about{short: "command.version.short"}, func(context.Context, []string) error {
		s.say("cpx-agent " + s.Version)
		return nil
	})
}

// printHelp prints the help of the program, or of a command with its subcommands.
func (s *invocation) printHelp(c *cobra.Command) {
	root := c.Root()
	if c == root || c.Name() == "help" {
		fmt.Fprint(s.stdout, s.overview(root))
		return
	}
	for c.Parent() != root {
		c = c.Parent()
	}
	fmt.Fprint(s.stdout, s.helpOf(c))
}

func (s *invocation) overview(root *cobra.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", s.Text("command.help.usage", usageLine(root)))
	for _, c := range usable(root) {
		path := strings.TrimPrefix(c.CommandPath(), root.Name()+" ")
		// Of a use that fills a line of its own the command's help speaks.
		if use := string(aboutOf(c).use); aboutOf(c).wants != "" || strings.HasPrefix(use, "[") {
			path += " " + use
		}
		row(&b, path, c.Short)
	}
	fmt.Fprintf(&b, "\n%s\n", s.Text("command.help.every"))
	for _, f := range options(root) {
		row(&b, f.form, f.Usage)
	}
	fmt.Fprintf(&b, "\n%s\n%s\n", aboutOf(root).exits, s.Text("command.help.more"))
	return b.String()
}

func (s *invocation) helpOf(c *cobra.Command) string {
	var lines []string
	for _, each := range usable(c) {
		if each == c || !strings.Contains(string(aboutOf(c).use), each.Name()) { // else its line is there
			lines = append(lines, usageLine(each))
		}
	}
	heading := s.Text("command.help.usage", "")
	parts := []string{heading + strings.Join(lines, "\n"+strings.Repeat(" ", len([]rune(heading)))), c.Long}
	var b strings.Builder
	for _, o := range options(usable(c)...) {
		row(&b, o.form, o.Usage)
	}
	parts = append(parts, strings.TrimSuffix(b.String(), "\n"), string(aboutOf(c).exits))
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), "\n\n") + "\n"
}

// row writes an entry of a list, with as many lines as its text.
func row(b *strings.Builder, name, text string) {
	indent := "\n" + strings.Repeat(" ", column)
	line := "  " + name
	if n := len([]rune(line)); n < column-1 {
		line += strings.Repeat(" ", column-n)
	} else {
		line += indent
	}
	b.WriteString(line + strings.ReplaceAll(text, "\n", indent) + "\n")
}

// usable returns those among a command and its subcommands that do something.
func usable(c *cobra.Command) (all []*cobra.Command) {
	walk(c, func(c *cobra.Command) {
		if c.Runnable() {
			all = append(all, c)
		}
	})
	return all
}

func usageLine(c *cobra.Command) string {
	path := c.CommandPath()
	if c.Name() == defaultCommand {
		path = c.Parent().CommandPath() + " [" + c.Name() + "]"
	}
	return strings.TrimSpace(path + " " + string(aboutOf(c).use))
}

// optionText is an option as the help shows it.
type optionText struct {
	form  string // --config FILE
	Usage string
}

// options returns the options that the commands define themselves.
func options(commands ...*cobra.Command) (all []optionText) {
	for _, c := range commands {
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			name, usage := pflag.UnquoteUsage(f)
			form := "--" + f.Name
			if f.Shorthand != "" {
				form = "-" + f.Shorthand + ", " + form
			}
			if f.Value.Type() != "bool" {
				form += " " + name
			}
			all = append(all, optionText{form, usage})
		})
	}
	return all
}
