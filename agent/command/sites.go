package command

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/cpx-bridge/cpx-bridge/agent/control"
	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/agent/remote"
	"github.com/cpx-bridge/cpx-bridge/agent/sites"
	"github.com/cpx-bridge/cpx-bridge/internal/dirs"
	"github.com/cpx-bridge/cpx-bridge/internal/language"
)

// siteReport is the output of `sites --json`.
type siteReport struct {
	Sites   []reportSite `json:"sites"`
	Problem string       `json:"problem,omitempty"` // why nothing is remembered, by name
	Message string       `json:"message,omitempty"` // the same as a text
}

type reportSite struct {
	Origin    string    `json:"origin"`
	Since     time.Time `json:"since"`
	Effective bool      `json:"effective"` // false where the settings refuse it
}

func (s *invocation) sitesCommand() *cobra.Command {
	c := s.command("sites", about{short: "command.sites.short", long: "command.sites.long", exits: "command.sites.exits", use: "[--json]"}, func(ctx context.Context, _ []string) error {
		store, _, err := s.sites()
		if err != nil {
			return err
		}
		return s.listSites(ctx, store)
	})
	c.PersistentFlags().BoolVar(&s.json, "json", false, "command.sites.json")
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

func (s *invocation) listSites(ctx context.Context, store *sites.Store) error {
	list, problem := store.List(ctx)
	switch {
	case s.json:
		if err := s.printSitesJSON(list.Sites, problem, sites.Why(problem, s.lang)); err != nil {
			return err
		}
	case problem != nil:
		s.complain(sites.Why(problem, s.lang))
	default:
		s.printSites(list.Sites)
	}
	if problem != nil {
		return errProblem
	}
	return nil
}

func (s *invocation) forgetSite(ctx context.Context, store *sites.Store, dir, origin string) error {
	problem := forget(ctx, store, dir, origin)
	switch {
	case s.json:
		if err := s.printForgotten(ctx, store, dir, problem); err != nil {
			return err
		}
	case problem != nil:
		s.complain(sites.WhyNotForgotten(problem, s.lang))
	default:
		s.say(s.Text("command.sites.forgotten", origin))
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
// site was forgotten nevertheless.
func (s *invocation) printForgotten(ctx context.Context, store *sites.Store, dir string, problem error) error {
	if problem != nil {
		return s.printSitesJSON(nil, problem, sites.WhyNotForgotten(problem, s.lang))
	}
	list, err := remaining(ctx, store, dir)
	return s.printSitesJSON(list, err, sites.Why(err, s.lang))
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
func remaining(ctx context.Context, store *sites.Store, dir string) ([]sites.Site, error) {
	asking, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	if list, err := remote.Sites(asking, dir); err == nil {
		return list, nil
	}
	list, err := store.List(ctx)
	return list.Sites, err
}

func (s *invocation) printSitesJSON(list []sites.Site, problem error, message string) error {
	r := siteReport{Sites: []reportSite{}, Problem: sites.Reason(problem), Message: message}
	for _, site := range list {
		d := s.Decide(site.Origin)
		r.Sites = append(r.Sites, reportSite{Origin: site.Origin, Since: site.Since, Effective: d == policy.Ask || d == policy.Allowed})
	}
	return s.printJSON(r)
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
