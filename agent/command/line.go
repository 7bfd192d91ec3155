package command

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cpx-bridge/cpx-bridge/internal/language"
)

// line is a command line, whose options may stand before or after its arguments.
type line struct {
	args    []string // the command with its arguments
	options *pflag.FlagSet

	config, lang string
	help         bool
}

// parse reads a command line with the options of all commands. Where it fails,
// what stands before the error is known.
func (l *line) parse(root *cobra.Command, args []string) error {
	l.options = allFlags(root)
	err := l.options.Parse(twoHyphens(args))
	l.args = l.options.Args()
	if len(l.args) == 0 && !l.help && err == nil {
		l.args = []string{"run"}
	}
	return optionMisuse(err)
}

// topic is the command whose help the person needs, "" for that of the program.
func (l *line) topic(root *cobra.Command) string {
	if c, _, _ := root.Find(l.args[:min(len(l.args), 1)]); c != root && c.Name() != "help" {
		return c.Name()
	}
	return ""
}

// twoHyphens writes an option of one hyphen with two: the library takes -json for
// four short ones.
func twoHyphens(args []string) []string {
	var all []string
	for i, arg := range args {
		if arg == "--" {
			return append(all, args[i:]...)
		}
		if len(arg) > 2 && arg[0] == '-' && arg[1] != '-' {
			arg = "-" + arg
		}
		all = append(all, arg)
	}
	return all
}

// allFlags are the options of all commands. Those of one name are one variable.
func allFlags(root *cobra.Command) *pflag.FlagSet {
	all := pflag.NewFlagSet("", pflag.ContinueOnError)
	walk(root, func(c *cobra.Command) { all.AddFlagSet(c.LocalFlags()) })
	return all
}

// walk visits a command and those under it, in the order of the help.
func walk(c *cobra.Command, visit func(*cobra.Command)) {
	visit(c)
	for _, sub := range c.Commands() {
		walk(sub, visit)
	}
}

// check is what is wrong with the use of a command, nil for nothing.
func (l *line) check(root *cobra.Command) error {
	c, rest, _ := root.Find(l.args)
	switch {
	case c == root && len(rest) > 0:
		return misused("command.misuse.unknown_command", rest[0], names(root))
	case l.help || c.Name() == "help":
		return nil
	}
	if misplaced := l.misplaced(c); misplaced != "" {
		return misused("command.misuse.misplaced", misplaced, owners(root, misplaced))
	}
	switch {
	case l.lang != "" && !language.Known(l.lang):
		return misused("command.misuse.lang", l.lang)
	case l.lang != "" && c.Name() == "run":
		return misused("command.misuse.run_lang")
	}
	return checkArguments(c, rest)
}

// misplaced is an option that the command does not have, "" for none.
func (l *line) misplaced(c *cobra.Command) (name string) {
	l.options.Visit(func(f *pflag.Flag) {
		if c.Flag(f.Name) == nil {
			name = f.Name
		}
	})
	return name
}

// checkArguments compares what stands after a command with what it wants.
func checkArguments(c *cobra.Command, rest []string) error {
	wants, verbs := aboutOf(c).wants, names(c)
	path := strings.TrimPrefix(c.CommandPath(), "cpx-agent ")
	switch {
	case len(rest) == 0 && verbs != "" && !c.Runnable():
		return misused("command.misuse.no_verb", path, verbs)
	case len(rest) == 0 && wants != "":
		return misused("command.misuse.missing", path, wants)
	case len(rest) == 0, len(rest) == 1 && wants != "":
		return nil
	case wants != "":
		return misused("command.misuse.too_much", path+" "+rest[0], rest[1])
	case verbs != "":
		return misused("command.misuse.wrong_verb", path, verbs, rest[0])
	}
	return misused("command.misuse.nothing_more", path, rest[0])
}

// names are those of the commands under one.
func names(c *cobra.Command) string {
	var names []string
	for _, sub := range c.Commands() {
		names = append(names, sub.Name())
	}
	return strings.Join(names, ", ")
}

// owners are the commands that an option belongs to.
func owners(root *cobra.Command, option string) string {
	var names []string
	walk(root, func(c *cobra.Command) {
		if c.LocalFlags().Lookup(option) != nil {
			names = append(names, strings.TrimPrefix(c.CommandPath(), "cpx-agent "))
		}
	})
	return strings.Join(names, ", ")
}

// optionMisuse is an error of the library in our texts.
func optionMisuse(err error) error {
	var (
		unknown *pflag.NotExistError
		empty   *pflag.ValueRequiredError
		invalid *pflag.InvalidValueError
		syntax  *pflag.InvalidSyntaxError
	)
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		return misused("command.misuse.unknown_option", "-"+unknown.GetSpecifiedName())
	case errors.As(err, &unknown):
		return misused("command.misuse.unknown_option", "--"+unknown.GetSpecifiedName())
	case errors.As(err, &empty):
		return misused("command.misuse.no_value", "--"+empty.GetSpecifiedName())
	case errors.As(err, &invalid):
		return misused("command.misuse.bad_value", "--"+invalid.GetFlag().Name, invalid.GetValue())
	case errors.As(err, &syntax):
		return misused("command.misuse.unknown_option", syntax.GetSpecifiedFlag())
	}
	return err
}
