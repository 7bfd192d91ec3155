package command

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/signal"
	"runtime"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/cpx-bridge/cpx-bridge/agent/browsers"
	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/internal/plainfile"
	"github.com/cpx-bridge/cpx-bridge/internal/visible"
)

// browsersRun is one run of `policy browsers`: the request, and what it results in.
type browsersRun struct {
	*invocation
	browsers.Request
	names                 []string
	write, remove, shared bool
	allowed               bool // the portals are those of the machine's policy
	noneNamed             bool // which has no list of any
}

// list is the value of an option that may be repeated, or hold several with commas.
// Nothing of it is dropped or interpreted: what is wrong in it is to be seen.
type list []string

// String implements pflag.Value.
func (l *list) String() string { return strings.Join(*l, ",") }

// Type implements pflag.Value.
func (l *list) Type() string { return "list" }

// Set implements pflag.Value.
func (l *list) Set(text string) error {
	*l = append(*l, strings.Split(text, ",")...)
	return nil
}

func (s *invocation) browsersCommand() *cobra.Command {
	b := &browsersRun{invocation: s}
	c := plainCommand("browsers", about{short: "command.browsers.short", use: "command.browsers.use"}, func(context.Context, []string) error { return b.run() })
	f := c.Flags()
	f.Var((*list)(&b.Origins), "origin", "command.browsers.option_origin")
	f.BoolVar(&b.allowed, "allowed", false, "command.browsers.option_allowed")
	f.BoolVar(&b.shared, "shared", false, "command.browsers.option_shared")
	f.BoolVar(&b.write, "write", false, "command.browsers.option_write")
	f.BoolVar(&b.remove, "remove", false, "command.browsers.option_remove")
	f.Var((*list)(&b.names), "browser", "command.browsers.option_browser")
	f.StringVar(&b.System, "os", "", "command.browsers.option_os")
	f.StringVar(&b.Root, "dir", "", "command.browsers.option_dir")
	f.BoolVar(&b.OlderEdge, "older-edge", false, "command.browsers.option_older_edge")
	complete(c, "os", browsers.Systems...)
	var all []string
	for _, each := range browsers.All {
		all = append(all, string(each))
	}
	complete(c, "browser", all...)
	return c
}

// run prints or writes the browsers' policies.
func (b *browsersRun) run() error {
	if err := b.prepare(); err != nil {
		return err
	}
	if b.noneNamed && !b.shared {
		b.say(b.Text("command.browsers.none_named"))
		return nil
	}
	changes, err := browsers.Plan(b.Request)
	if err != nil {
		b.complain(b.impossible(err))
		if errors.Is(err, browsers.ErrRecord) {
			return errProblem
		}
		return errUsage
	}
	if b.write {
		// Whoever reads no further (`| head -1`) must not leave it half written.
		signal.Ignore(syscall.SIGPIPE)
	}
	var written []browsers.Change
	for _, c := range changes {
		if !b.write && c.Err == nil {
			b.show(c)
		} else if applyErr := c.Apply(); applyErr != nil {
			b.complain(b.refusal(c, applyErr))
			err = errProblem
		} else {
			b.report(c)
			written = append(written, c)
		}
	}
	for _, note := range b.notes(changes, written) {
		fmt.Fprintln(b.stderr, note)
	}
	return err
}

// prepare fills in what the command line leaves open.
func (b *browsersRun) prepare() error {
	if b.System == "" {
		b.System = thisSystem()
	}
	b.Browsers = browsers.All
	if len(b.names) > 0 {
		b.Browsers = nil
	}
	for _, name := range b.names {
		b.Browsers = append(b.Browsers, browsers.Browser(name))
	}
	if err := b.settingsNeeded(); err != nil {
		return err
	}
	b.OnlyShared = b.shared && len(b.Origins) == 0 && (!b.allowed || b.noneNamed)
	switch {
	case b.remove:
		b.Shared = browsers.SharedRemoved
	case b.shared:
		b.Shared = browsers.SharedSet
	}
	switch {
	case b.remove && len(b.Origins) > 0:
		return misused("command.browsers.remove_all")
	case !b.remove && !b.shared && !b.allowed && len(b.Origins) == 0:
		return misused("command.browsers.no_origin")
	case b.remove && b.System != browsers.Linux && (b.System != runtime.GOOS || b.Root != ""):
		return misused("command.browsers.remove_here")
	}
	return nil
}

// settingsNeeded is an error where settings are bad that this run needs: the machine's
// where the portals are taken from its policy, none where our entries are taken away, as
// whoever removes the program does.
func (b *browsersRun) settingsNeeded() error {
	switch {
	case b.allowed && (b.remove || len(b.Origins) > 0 || b.Root != "" || b.System != thisSystem()):
		return misused("command.browsers.allowed_alone")
	case b.allowed:
		return b.readAllowed()
	case b.remove:
		return nil
	}
	return b.settingsErr
}

// readAllowed reads the portals from the machine's policy: those that a browser would ask
// about. A person's own file counts for nothing there.
func (b *browsersRun) readAllowed() error {
	machine := b.paths
	machine.User, machine.UserRequired = "", false
	settings, err := policy.Load(machine)
	if err != nil {
		b.settingsErr = err // which is what the exit status is told by
		return err
	}
	b.Origins = browsers.Expressible(settings.Origins.Allow)
	b.noneNamed = !settings.Fixed("origins.allow")
	return nil
}

// thisSystem is the name of the system that this one is.
func thisSystem() string {
	if runtime.GOOS == "darwin" {
		return browsers.MacOS
	}
	return runtime.GOOS
}

// show prints what would be written. A document to import is printed alone, so
// that the output can be redirected to a file.
func (b *browsersRun) show(c browsers.Change) {
	if b.System == browsers.Linux || c.Browser != "" {
		b.say("# " + b.Text("command.browsers.line", b.Text("command.browsers.line", c.Browser.Name(), b.planned(c)), c.Where))
	}
	fmt.Fprint(b.stdout, c.Text)
	if c.Text != "" && !strings.HasSuffix(c.Text, "\n") {
		b.say("")
	}
}

func (b *browsersRun) planned(c browsers.Change) string {
	switch {
	case !c.Changed:
		return b.Text("command.browsers.same")
	case c.Text == "":
		return b.Text("command.browsers.gone")
	case c.Shared:
		return b.Text("command.browsers.change")
	}
	return b.Text("command.browsers.new")
}

// report prints what was done.
func (b *browsersRun) report(c browsers.Change) {
	done := b.Text("command.browsers.written")
	switch {
	case !c.Changed:
		done = b.Text("command.browsers.unchanged")
	case c.Text == "":
		done = b.Text("command.browsers.removed")
	}
	b.say(b.Text("command.browsers.line", done, c.Where))
	switch {
	case !c.Shared || !c.Changed:
	case b.System == browsers.Linux:
		b.say("  " + b.Text("command.browsers.others"))
	case !b.remove: // the others may be a domain's
		b.say("  " + b.Text("command.browsers.group_policy"))
	}
	if c.Backup != "" && c.Changed {
		b.say("  " + b.Text("command.browsers.backup", c.Backup))
	}
}

// refusal says why a change could not be made.
func (b *browsersRun) refusal(c browsers.Change, err error) string {
	var shadowed *browsers.ShadowedError
	var conflict *browsers.ConflictError
	var link *browsers.LinkError
	var irregular *plainfile.KindError
	switch {
	case errors.Is(err, browsers.ErrPrintOnly):
		return b.Text("command.browsers.only_imported", b.System)
	case errors.Is(err, fs.ErrPermission):
		return b.Text("command.browsers.no_right", c.Where)
	case errors.Is(err, browsers.ErrMalformed):
		return b.Text("command.browsers.malformed", c.Where, because(err, browsers.ErrMalformed))
	case errors.As(err, &conflict):
		return b.Text("command.browsers.conflict", conflict.Where, conflict.Policy, visible.Text(conflict.Value), conflict.Wanted)
	case errors.As(err, &link) && link.Root != "":
		return b.Text("command.browsers.link_inside", c.Where, link.Link, link.Target, link.Root)
	case errors.As(err, &link):
		return b.Text("command.browsers.link", c.Where, link.Link, link.Target)
	case errors.As(err, &irregular):
		return b.Text("command.browsers.irregular", c.Where)
	case errors.As(err, &shadowed):
		return b.Text("command.browsers.shadowed", c.Where, shadowed.Other)
	}
	return fmt.Sprintf("%s: %s: %v", c.Browser.Name(), c.Where, err)
}

// because is an error's text without that of its kind, for whoever corrects the
// file.
func because(err, kind error) string {
	detail := strings.TrimLeft(strings.Replace(err.Error(), kind.Error(), "", 1), ": ")
	if detail == "" {
		return ""
	}
	return " (" + visible.Text(detail) + ")"
}
