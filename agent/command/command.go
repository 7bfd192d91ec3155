// Package command is the command line of the agent: what each command does and
// says, over the rooms that know it. The program gives it what only the program
// has: its version, its display, and the agent itself.
//
// One command runs at a time in a process. The package never asks for a PIN and
// never opens a window.
package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"slices"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/agent"
	"github.com/cpx-bridge/cpx-bridge/agent/control"
	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// Exit statuses of protocol.md.
const (
	exitGood    = 0
	exitProblem = 1
	exitUsage   = 2
)

// options are what may stand before or after a command's words.
type options struct {
	config string
	lang   string
	noTray bool
	json   bool
	whole  bool // --identity
	help   bool
	words  []string

	browsers browserOptions
}

// parse reads the options; where it fails, the words before the error are known.
func parse(args []string) (options, error) {
	var o options
	set := flag.NewFlagSet("cpx-agent", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.StringVar(&o.config, "config", "", "")
	set.StringVar(&o.lang, "lang", "", "")
	set.BoolVar(&o.noTray, "no-tray", false, "")
	set.BoolVar(&o.json, "json", false, "")
	set.BoolVar(&o.whole, "identity", false, "")
	set.BoolVar(&o.help, "help", false, "")
	set.BoolVar(&o.help, "h", false, "")
	o.browsers.register(set)
	for {
		if err := set.Parse(args); err != nil {
			return o, unknownOption(err)
		}
		if set.NArg() == 0 {
			break
		}
		o.words = append(o.words, set.Arg(0))
		args = set.Args()[1:]
	}
	if o.help {
		return o, nil
	}
	if len(o.words) == 0 {
		o.words = []string{"run"}
	}
	for name, given := range map[string]bool{"json": o.json, "identity": o.whole, "no-tray": o.noTray} {
		if given && !takes(o.words[0], name) {
			return o, fmt.Errorf("--%s belongs to %s", name, owners(name))
		}
	}
	switch {
	case o.lang != "" && o.lang != agent.French && o.lang != agent.English:
		return o, fmt.Errorf("--lang %q: the languages are fr and en", o.lang)
	case o.lang != "" && o.words[0] == "run":
		return o, errors.New("--lang is for what a command prints; the agent's language is the setting lang")
	}
	return o, o.browsers.misplaced(set, o.words)
}

// unknownOption says it with the two hyphens that the help has.
func unknownOption(err error) error {
	text := err.Error()
	for library, ours := range map[string]string{"flag provided but not defined: -": "unknown option --", "flag needs an argument: -": "a value is missing after --"} {
		if name, ok := strings.CutPrefix(text, library); ok {
			return errors.New(ours + name)
		}
	}
	return err
}

func takes(command, flag string) bool {
	s, known := specOf(command)
	return !known || slices.Contains(s.flags, flag) // an unknown command is told first
}

// owners are the commands that take an option.
func owners(flag string) string {
	var names []string
	for _, s := range specs {
		if slices.Contains(s.flags, flag) {
			names = append(names, s.name)
		}
	}
	if n := len(names); n > 1 {
		names = []string{strings.Join(names[:n-1], ", "), names[n-1]}
	}
	return strings.Join(names, " and ")
}

// Program is what the command line is given by the program around it. All its
// fields are required.
type Program struct {
	Version string
	// Display reports whether a display answers; it may be asked only once in a
	// process.
	Display func() bool
	// DisplayAnswers reports the same by a process of its own.
	DisplayAnswers func(ctx context.Context) bool
	// Serve is the agent: it serves until ctx ends or the person quits.
	Serve func(ctx context.Context, s Start) error
}

// Start is what an agent is started with.
type Start struct {
	Policy   *policy.Effective
	StateDir string
	Tray     bool
	Held     *control.Held
	Logger   *slog.Logger
	LogFile  string // "" where there is none
}

// Run runs a command line and returns the program's exit status.
func (program Program) Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args)
	if err != nil {
		return misused(stderr, o.words, err.Error())
	}
	if done, exit := help(o, stdout, stderr); done {
		return exit
	}
	if wrong := misuse(o.words); wrong != "" {
		return misused(stderr, o.words, wrong)
	}
	if o.words[0] == "version" {
		fmt.Fprintln(stdout, "cpx-agent", program.Version)
		return exitGood
	}
	p, err := load(o)
	p.program = program
	if err != nil {
		fmt.Fprintln(stderr, "cpx-agent:", err)
		if o.words[0] == "doctor" && o.json {
			badSettings(p, o, err, stdout, stderr)
		}
		return exitUsage
	}
	return do(ctx, p, o, stdout, stderr)
}

// do runs a command whose words were checked.
func do(ctx context.Context, p settings, o options, stdout, stderr io.Writer) int {
	switch o.words[0] {
	case "policy":
		if len(o.words) == 2 {
			return browserPolicy(p, o.browsers, stdout, stderr)
		}
		return showPolicy(p, stdout, stderr)
	case "autostart":
		return startWithDesktop(p, append(o.words, "status")[1], stdout, stderr)
	case "doctor":
		return examine(ctx, p, o.json, o.whole, stdout, stderr)
	case "wss":
		return wss(ctx, p, o.words[1], stdout, stderr)
	case "certs":
		if len(o.words) == 1 {
			return certs(ctx, p, o.json, stdout, stderr)
		}
		return useCertificate(ctx, p, o.words[2], stdout, stderr)
	case "sites":
		return rememberedSites(ctx, p, o, stdout, stderr)
	}
	return run(ctx, p, o.noTray, stdout, stderr)
}

// help answers --help, help and help COMMAND.
func help(o options, stdout, stderr io.Writer) (done bool, exit int) {
	words := o.words
	if len(words) > 0 && words[0] == "help" {
		o.help, words = true, words[1:]
	}
	if !o.help {
		return false, 0
	}
	text := usage
	if len(words) > 0 {
		s, ok := specOf(words[0])
		if !ok {
			return true, misused(stderr, words, misuse(words))
		}
		text = s.help
	}
	fmt.Fprint(stdout, text)
	return true, exitGood
}

func misused(stderr io.Writer, words []string, what string) int {
	fmt.Fprintf(stderr, "cpx-agent: %s\n`%s` says how it is used.\n", what, more(words))
	return exitUsage
}

// settings are those in force, and the language that was asked for on the command
// line, "" for none.
type settings struct {
	*policy.Effective
	asked   string
	program Program
}

func load(o options) (settings, error) {
	paths := policy.DefaultPaths()
	if o.config != "" {
		paths.User, paths.UserRequired = o.config, true
	}
	p, err := policy.Load(paths)
	return settings{Effective: p, asked: o.lang}, err
}

func logger(p settings, w io.Writer) *slog.Logger {
	level := slog.LevelInfo
	_ = level.UnmarshalText([]byte(p.Log.Level)) // the settings were checked
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
}

func warn(p settings, log *slog.Logger) {
	for _, w := range p.Warnings {
		log.Warn("setting not taken", "file", w.File, "line", w.Line, "key", w.Key, "why", w.Text)
	}
}

// inForce fills in what the default stands for here.
func inForce(p settings, s *policy.Setting, stderr io.Writer) {
	switch s.Key {
	case "modules":
		if found := pkcs11.DefaultModules(); len(p.Modules) == 0 && len(found) > 0 {
			s.Value, s.From = policy.Show(found), s.From+", the first known place that exists"
		}
	case "pinentry":
		if runtime.GOOS != "linux" || p.Pinentry != "" {
			return // elsewhere the system's own dialogs ask
		}
		if program, err := prompt.Installed(""); err == nil && program != "" {
			s.Value, s.From = policy.Show(program), s.From+", found on PATH"
		}
	case "lang":
		p.asked = ""
		s.Value = policy.Show(language(p, stderr))
		dir, err := agent.StateDir()
		if err != nil {
			return
		}
		if chosen, _ := agent.NewLanguageChoice(dir).Get(); chosen != "" && !p.Fixed("lang") {
			s.From = "chosen in the menu"
		} else if p.Lang == "" {
			s.From += ", the desktop's"
		}
	}
}

// showPolicy shows what is in force: where no file says it, what is found on this
// machine now.
func showPolicy(p settings, stdout, stderr io.Writer) int {
	for _, s := range p.Describe() {
		inForce(p, &s, stderr)
		fmt.Fprintf(stdout, "%-16s %-40s %s\n", s.Key, s.Value, s.From)
	}
	for _, w := range p.Warnings {
		fmt.Fprintf(stdout, "not taken: %s:%d: %s: %s\n", w.File, w.Line, w.Key, w.Text)
	}
	if len(p.Warnings) > 0 {
		return exitProblem
	}
	return exitGood
}
