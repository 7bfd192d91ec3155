package command

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cpx-bridge/cpx-bridge/agent/control"
	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/agent/remote"
	"github.com/cpx-bridge/cpx-bridge/agent/sites"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/dirs"
	"github.com/cpx-bridge/cpx-bridge/internal/language"
)

// siteReport is the output of `sites --json`.
type siteReport struct {
	Sites   []reportSite   `json:"sites"`
	Never   []reportDomain `json:"never"`
	Problem string         `json:"problem,omitempty"` // why nothing is remembered, by name
	Message string         `json:"message,omitempty"` // the same as a text
}

type reportDomain struct {
	Name    string    `json:"domain"`
	Since   time.Time `json:"since"`
	Unsaved bool      `json:"unsaved,omitempty"` // it holds while the agent runs only
}

type reportSite struct {
	Origin    string    `json:"origin"`
	Since     time.Time `json:"since"`
	Effective bool      `json:"effective"` // false where the settings refuse it
}

func (s *invocation) sitesCommand() *cobra.Command {
	c := s.command("sites", about{short: "command.sites.short", long: "command.sites.long", exits: "command.sites.exits", use: "[--json]"}, func(ctx context.Context, _ []string) error {
		store, dir, err := s.sites()
		if err != nil {
			return err
		}
		return s.listSites(ctx, store, dir)
	})
	c.PersistentFlags().BoolVar(&s.json, "json", false, "command.sites.json")
	c.AddCommand(s.command("never", about{short: "command.sites.never_short", use: "DOMAIN [--json]", wants: "command.sites.never_wants"}, func(ctx context.Context, args []string) error {
		store, dir, err := s.sites()
		if err != nil {
			return err
		}
		return s.refuseDomain(ctx, store, dir, strings.ToLower(args[0]))
	}))
	c.AddCommand(s.command("forget", about{short: "command.sites.forget_short", use: "SITE [--json]", wants: "command.sites.forget_wants"}, func(ctx context.Context, args []string) error {
		store, dir, err := s.sites()
		if err != nil {
			return err
		}
		return s.forgetSite(ctx, store, dir, args[0])
	}))
	c.AddCommand(s.command("resume", about{short: "command.sites.resume_short", use: "[--json]"}, func(ctx context.Context, _ []string) error {
		dir, err := dirs.State()
		if err != nil {
			return err
		}
		return s.resumeSites(ctx, dir)
	}))
	return c
}

// resumeSites has the running agent ask again about sites that are not allowed. Without
// an agent nothing is paused.
func (s *invocation) resumeSites(ctx context.Context, dir string) error {
	asking, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	paused, err := remote.ResumeUnknownSites(asking, dir)
	if err != nil && !errors.Is(err, control.ErrNoAgent) {
		s.complain(s.Text("command.sites.not_resumed", err))
		return errProblem
	}
	switch {
	case s.json:
		return s.printJSON(struct {
			Paused bool `json:"paused"`
		}{paused})
	case paused:
		s.say(s.Text("command.sites.resumed"))
	default:
		s.say(s.Text("command.sites.not_paused"))
	}
	return nil
}

// sites opens the remembered sites. A running agent notices a change by itself. A
// locked keyring may ask the person at the terminal, but must not block a script.
func (s *invocation) sites() (*sites.Store, string, error) {
	dir, err := dirs.State()
	return sites.New(sites.Options{Dir: dir, Unlock: !s.json}), dir, err
}

// remembered is what is remembered.
type remembered struct {
	sites []sites.Site
	never []state.Domain
}

func (r *remembered) add(l sites.List) {
	r.sites = l.Sites
	for _, d := range l.Never {
		if !slices.ContainsFunc(r.never, func(x state.Domain) bool { return x.Name == d.Name }) {
			r.never = append(r.never, state.Domain{Name: d.Name, Since: d.Since})
		}
	}
}

// unsaved are the domains that a running agent refuses only as long as it runs: the
// file knows nothing of them.
func unsaved(ctx context.Context, dir string) []state.Domain {
	asking, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	list, _ := remote.Never(asking, dir) // without an agent there are none
	return slices.DeleteFunc(list, func(d state.Domain) bool { return !d.Unsaved })
}

func (s *invocation) listSites(ctx context.Context, store *sites.Store, dir string) error {
	list, problem := store.List(ctx)
	all := remembered{never: unsaved(ctx, dir)}
	all.add(list)
	switch {
	case s.json:
		if err := s.printSitesJSON(all, problem, sites.Why(problem, s.lang)); err != nil {
			return err
		}
	case problem != nil:
		s.complain(sites.Why(problem, s.lang))
		s.printNever(all.never)
	default:
		s.printSites(all.sites)
		s.printNever(all.never)
	}
	if problem != nil {
		return errProblem
	}
	return nil
}

// refuseDomain asks the running agent first, which refuses the domain at once, even
// where the keyring permits no writing, and ends what waits of it.
func (s *invocation) refuseDomain(ctx context.Context, store *sites.Store, dir, name string) error {
	problem := sites.CheckDomain(name)
	if problem == nil {
		asking, cancel := context.WithTimeout(ctx, askLimit)
		defer cancel()
		if remote.Refuse(asking, dir, name) != nil {
			_, problem = store.AddNever(ctx, name)
		}
	}
	switch {
	case s.json:
		if err := s.printForgotten(ctx, store, dir, problem, sites.Why(problem, s.lang)); err != nil {
			return err
		}
	case problem != nil:
		s.complain(sites.Why(problem, s.lang))
		if !errors.Is(problem, sites.ErrDomain) && slices.ContainsFunc(unsaved(ctx, dir), func(d state.Domain) bool { return d.Name == name }) {
			s.complain(s.Text("command.sites.while_running", name))
		}
	default:
		s.say(s.Text("command.sites.refused", name))
	}
	switch {
	case errors.Is(problem, sites.ErrDomain):
		return errUsage
	case problem != nil:
		return errProblem
	}
	return nil
}

func (s *invocation) forgetSite(ctx context.Context, store *sites.Store, dir, origin string) error {
	problem := forget(ctx, store, dir, origin)
	switch {
	case s.json:
		if err := s.printForgotten(ctx, store, dir, problem, sites.WhyNotForgotten(problem, s.lang)); err != nil {
			return err
		}
	case problem != nil:
		s.complain(sites.WhyNotForgotten(problem, s.lang))
	default:
		if sites.CheckDomain(origin) == nil {
			s.say(s.Text("command.sites.never_forgotten", origin))
		} else {
			s.say(s.Text("command.sites.forgotten", origin))
		}
	}
	switch {
	case errors.Is(problem, sites.ErrOrigin):
		return errUsage
	case problem != nil:
		return errProblem
	}
	return nil
}

// printForgotten prints what is still remembered. Where that cannot be listed, the
// change was made nevertheless.
func (s *invocation) printForgotten(ctx context.Context, store *sites.Store, dir string, problem error, message string) error {
	if problem != nil {
		return s.printSitesJSON(remembered{}, problem, message)
	}
	all, err := remaining(ctx, store, dir)
	return s.printSitesJSON(all, err, sites.Why(err, s.lang))
}

// forget asks the running agent first, which withdraws the site at once, even
// where the keyring permits no writing, and which may reach a keyring that this
// process cannot.
func forget(ctx context.Context, store *sites.Store, dir, origin string) error {
	asking, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	if remote.Forget(asking, dir, origin) == nil {
		return nil
	}
	_, err := store.Forget(ctx, origin)
	return err
}

// remaining is the list after a change, from the running agent where one answers.
func remaining(ctx context.Context, store *sites.Store, dir string) (remembered, error) {
	asking, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	if list, err := remote.Sites(asking, dir); err == nil {
		never, err := remote.Never(asking, dir)
		return remembered{list, never}, err
	}
	list, err := store.List(ctx)
	var all remembered
	all.add(list)
	return all, err
}

func (s *invocation) printSitesJSON(all remembered, problem error, message string) error {
	r := siteReport{Sites: []reportSite{}, Never: []reportDomain{}, Problem: sites.Reason(problem), Message: message}
	for _, site := range all.sites {
		d := s.Decide(site.Origin)
		r.Sites = append(r.Sites, reportSite{Origin: site.Origin, Since: site.Since, Effective: d == policy.Ask || d == policy.Allowed})
	}
	for _, d := range all.never {
		r.Never = append(r.Never, reportDomain(d))
	}
	return s.printJSON(r)
}

// printNever prints nothing where there are none.
func (s *invocation) printNever(list []state.Domain) {
	if len(list) == 0 {
		return
	}
	s.say(s.Text("command.sites.never_heading"))
	for _, d := range list {
		line := "  " + d.Name + "  " + s.Text("command.sites.since", language.Date(d.Since, s.lang))
		if d.Unsaved {
			line += " (" + s.Text("command.sites.unsaved") + ")"
		}
		s.say(line)
	}
}

func (s *invocation) printSites(list []sites.Site) {
	s.say(s.Text("command.sites.heading"))
	for _, site := range list {
		s.say("  " + site.Origin + "  " + s.Text("command.sites.since", language.Date(site.Since, s.lang)) + s.siteMark(site.Origin))
	}
	if len(list) == 0 {
		s.say("  " + s.Text("state.none"))
	}
}

// siteMark says whether the settings refuse a site.
func (s *invocation) siteMark(origin string) string {
	switch s.Decide(origin) {
	case policy.Blocked:
		return " (" + s.Text("command.sites.blocked") + ")"
	case policy.NotListed, policy.Plain:
		return " (" + s.Text("command.sites.not_listed") + ")"
	case policy.Allowed:
		return " (" + s.Text("command.sites.allowed") + ")"
	}
	return ""
}
