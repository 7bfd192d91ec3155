package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/agent/policy"
)

// Exit statuses of protocol.md.
const (
	exitGood    = 0
	exitProblem = 1
	exitUsage   = 2
)

const usage = `Usage: cpx-agent [COMMAND] [OPTIONS]

  run                 serve the browser on this machine (the default); --no-tray
                      where one runs already, show its state
  certs [--json]      list readers, cards and certificates; asks for no PIN
  certs use ID        the certificate that the next logins use
  sites [--json]      the sites that you always allow
  sites forget SITE   ask you again at this site
  autostart [status|enable|disable]
                      whether the agent starts with your desktop
  doctor [--json]     what is wrong on this workstation and what to do; changes
                      nothing, asks for no PIN; --identity names holders too
  policy              the settings in force, each with where it comes from
  policy browsers     what lets the portals named with --origin (again for each)
                      reach the agent without the browser's question; --write
                      writes it, --remove takes it away again, --os linux, windows
                      or macos, --browser chrome,edge,chromium,firefox, --dir
                      FOLDER in place of the system, --older-edge for Edge 140-145
  wss install         make the certificate for wss (Safari), have it trusted, take
                      the one before back; wss remove takes all of it back,
                      wss status says how it stands
  version

Every command takes --config FILE, in place of your own settings file.
`

// options are what may stand before or after a command's words.
type options struct {
	config string
	noTray bool
	json   bool
	whole  bool // --identity
	words  []string

	browsers browserOptions
}

func parse(args []string) (options, error) {
	var o options
	set := flag.NewFlagSet("cpx-agent", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.StringVar(&o.config, "config", "", "")
	set.BoolVar(&o.noTray, "no-tray", false, "")
	set.BoolVar(&o.json, "json", false, "")
	set.BoolVar(&o.whole, "identity", false, "")
	o.browsers.register(set)
	for {
		if err := set.Parse(args); err != nil {
			return o, err
		}
		if set.NArg() == 0 {
			break
		}
		o.words = append(o.words, set.Arg(0))
		args = set.Args()[1:]
	}
	if len(o.words) == 0 {
		o.words = []string{"run"}
	}
	if o.json && !slices.Contains([]string{"certs", "sites", "doctor"}, o.words[0]) {
		return o, errors.New("--json belongs to certs, sites and doctor")
	}
	if o.whole && o.words[0] != "doctor" {
		return o, errors.New("--identity belongs to doctor")
	}
	if o.noTray && o.words[0] != "run" {
		return o, errors.New("--no-tray belongs to run")
	}
	return o, o.browsers.misplaced(set, o.words)
}

func command(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, usage)
		return exitGood
	}
	if err != nil {
		return misused(stderr, err.Error())
	}
	one := len(o.words) == 1
	switch {
	case o.words[0] == "help" && one:
		fmt.Fprint(stdout, usage)
		return exitGood
	case o.words[0] == "version" && one:
		fmt.Fprintln(stdout, "cpx-agent", version)
		return exitGood
	case !known(o.words):
		return misused(stderr, fmt.Sprintf("unknown command %q", strings.Join(o.words, " ")))
	}
	p, err := load(o)
	if err != nil {
		fmt.Fprintln(stderr, "cpx-agent:", err)
		return exitUsage
	}
	switch o.words[0] {
	case "policy":
		if len(o.words) == 2 {
			return browserPolicy(p, o.browsers, stdout, stderr)
		}
		return showPolicy(p, stdout)
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

func known(words []string) bool {
	switch len(words) {
	case 1:
		return slices.Contains([]string{"run", "certs", "sites", "policy", "autostart", "doctor"}, words[0])
	case 2:
		return (words[0] == "policy" && words[1] == "browsers") ||
			(words[0] == "autostart" && slices.Contains([]string{"status", "enable", "disable"}, words[1])) ||
			(words[0] == "wss" && slices.Contains([]string{"install", "remove", "status"}, words[1]))
	case 3:
		return (words[0] == "certs" && words[1] == "use") || (words[0] == "sites" && words[1] == "forget")
	}
	return false
}

func misused(stderr io.Writer, what string) int {
	fmt.Fprintf(stderr, "cpx-agent: %s\n\n%s", what, usage)
	return exitUsage
}

func load(o options) (*policy.Effective, error) {
	paths := policy.DefaultPaths()
	if o.config != "" {
		paths.User, paths.UserRequired = o.config, true
	}
	return policy.Load(paths)
}

func logger(p *policy.Effective, w io.Writer) *slog.Logger {
	level := slog.LevelInfo
	_ = level.UnmarshalText([]byte(p.Log.Level)) // the settings were checked
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
}

func warn(p *policy.Effective, log *slog.Logger) {
	for _, w := range p.Warnings {
		log.Warn("setting not taken", "file", w.File, "line", w.Line, "key", w.Key, "why", w.Text)
	}
}

func showPolicy(p *policy.Effective, stdout io.Writer) int {
	for _, s := range p.Describe() {
		fmt.Fprintf(stdout, "%-15s %-40s %s\n", s.Key, s.Value, s.From)
	}
	for _, w := range p.Warnings {
		fmt.Fprintf(stdout, "not taken: %s:%d: %s: %s\n", w.File, w.Line, w.Key, w.Text)
	}
	if len(p.Warnings) > 0 {
		return exitProblem
	}
	return exitGood
}
