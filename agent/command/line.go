package command

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// defaultCommand is the command that may be left out.
const defaultCommand = "run"

// line is a command line, whose options may precede or follow its arguments.
type line struct {
	args    []string // the command with its arguments
	options *pflag.FlagSet

	config, lang string
	help         bool
}

// parse parses a command line with the options of all commands. Where it fails,
// what precedes the error is known.
func (l *line) parse(root *cobra.Command, args []string) error {
	l.options = allFlags(root)
	err := l.options.Parse(twoHyphens(l.options, args))
	l.args = l.options.Args()
	if len(l.args) == 0 && !l.help && err == nil {
		l.args = []string{defaultCommand}
	}
	return optionMisuse(err)
}

// serves reports whether the command line asks for the agent itself.
func (l *line) serves() bool { return len(l.args) > 0 && l.args[0] == defaultCommand }

// needsNoSettings reports whether the command line asks only about the program.
func (l *line) needsNoSettings() bool {
	if l.help || len(l.args) == 0 {
		return true // without a command it is a request of the shells' completion
	}
	switch l.args[0] {
	case "help", "version", "completion", "quit", "restart", "autostart":
		return true
	}
	return false
}

// topic is the command whose help the person needs, "" for the program's.
func (l *line) topic(root *cobra.Command) string {
	if c, _, _ := root.Find(l.args[:min(len(l.args), 1)]); c != root && c.Name() != "help" {
		return c.Name()
	}
	return ""
}

// twoHyphens gives long options of one hyphen a second one: the library reads -json
// as four short options. A value is left as it is, whatever it begins with. Two
// hyphens alone before the command end nothing: it may have options.
func twoHyphens(options *pflag.FlagSet, args []string) []string {
	var all []string
	isValue, hasCommand := false, false
	for i, arg := range args {
		switch {
		case isValue:
			isValue = false
			all = append(all, arg)
			continue
		case arg == "--" && hasCommand:
			return append(all, args[i:]...)
		case arg == "--":
			continue
		case !hasCommand && (arg == "--version" || arg == "-version"):
			arg = "version" // as most programs have it
		case isLong(options, arg):
			arg = "-" + arg
		}
		name, isOption := strings.CutPrefix(arg, "--")
		f := options.Lookup(name) // of an option with its value behind "=" there is none
		isValue = isOption && f != nil && f.NoOptDefVal == ""
		hasCommand = hasCommand || !strings.HasPrefix(arg, "-")
		all = append(all, arg)
	}
	return all
}

// isLong reports whether an argument of one hyphen names a long option.
func isLong(options *pflag.FlagSet, arg string) bool {
	name, isOption := strings.CutPrefix(arg, "-")
	name, _, _ = strings.Cut(name, "=")
	return isOption && len(name) > 1 && options.Lookup(name) != nil
}

// allFlags are the options of all commands. Those of the same name share a
// variable.
func allFlags(root *cobra.Command) *pflag.FlagSet {
	all := pflag.NewFlagSet("", pflag.ContinueOnError)
	walk(root, func(c *cobra.Command) { all.AddFlagSet(c.LocalFlags()) })
	return all
}

// walk visits a command and its subcommands, in the order of the help.
func walk(c *cobra.Command, visit func(*cobra.Command)) {
	visit(c)
	for _, sub := range c.Commands() {
		walk(sub, visit)
	}
}
