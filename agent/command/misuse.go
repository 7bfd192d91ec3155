package command

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cpx-bridge/cpx-bridge/internal/language"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
	"github.com/cpx-bridge/cpx-bridge/internal/visible"
)

// misuse is a wrong use of the command line. Its values are keys of texts, and
// what the person typed.
type misuse struct {
	key    texts.Key
	values []any
}

func misused(key texts.Key, values ...any) error { return &misuse{key, values} }

func (m *misuse) Error() string { return string(m.key) }

func (m *misuse) text(t texts.Catalogue) string {
	values := make([]any, len(m.values))
	for i, v := range m.values {
		switch v := v.(type) {
		case texts.Key:
			values[i] = t.Text(v)
		case string:
			values[i] = visible.Text(v)
		}
	}
	return t.Text(m.key, values...)
}

// check returns what is wrong with the use of a command, nil for nothing.
func (l *line) check(root *cobra.Command) error {
	c, rest, _ := root.Find(l.args)
	switch {
	case c == root && len(rest) > 0:
		return misused("command.misuse.unknown_command", rest[0], names(root))
	case l.help:
		return nil
	}
	if misplaced := l.misplaced(c); misplaced != "" {
		return misused("command.misuse.misplaced", misplaced, having(root, misplaced))
	}
	if empty := l.empty(); empty != "" {
		return misused("command.misuse.no_value", "--"+empty)
	}
	switch {
	case l.lang != "" && !language.Known(l.lang):
		return misused("command.misuse.lang", l.lang)
	case l.lang != "" && c.Name() == "run":
		return misused("command.misuse.run_lang")
	}
	if c.Name() == "help" {
		return nil // it checks its topic itself
	}
	return checkArguments(c, rest)
}

// misplaced returns an option that the command does not have, "" for none.
func (l *line) misplaced(c *cobra.Command) (name string) {
	l.options.Visit(func(f *pflag.Flag) {
		if c.Flag(f.Name) == nil {
			name = f.Name
		}
	})
	return name
}

// empty returns an option that was given nothing, as by a script of whose variables one is not
// set, "" for none. What it asks for would not be done, or the opposite: without a scope doctor
// looks at everything.
func (l *line) empty() (name string) {
	l.options.Visit(func(f *pflag.Flag) {
		if f.Value.Type() == "string" && strings.TrimSpace(f.Value.String()) == "" {
			name = f.Name
		}
	})
	return name
}

// checkArguments compares what follows a command with what the command takes.
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

// names lists a command's subcommands.
func names(c *cobra.Command) string {
	var names []string
	for _, sub := range c.Commands() {
		names = append(names, sub.Name())
	}
	return strings.Join(names, ", ")
}

// having lists the commands that have an option.
func having(root *cobra.Command, option string) string {
	var names []string
	walk(root, func(c *cobra.Command) {
		if c.LocalFlags().Lookup(option) != nil {
			names = append(names, strings.TrimPrefix(c.CommandPath(), "cpx-agent "))
		}
	})
	return strings.Join(names, ", ")
}

// optionMisuse rewords an error of the library.
func optionMisuse(err error) error {
	var (
		unknown *pflag.NotExistError
		empty   *pflag.ValueRequiredError
		invalid *pflag.InvalidValueError
		syntax  *pflag.InvalidSyntaxError
	)
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		return misused("command.misuse.unknown_option", "-"+unknown.GetSpecifiedShortnames())
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
