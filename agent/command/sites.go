package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent"
	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/agent/remote"
	"github.com/cpx-bridge/cpx-bridge/agent/sites"
)

// siteWords is the catalogue of this command.
type siteWords struct{ sites, none, since, blocked, notListed, noEffect, forgotten string }

var siteTexts = map[string]siteWords{
	agent.French: {
		sites: "Sites toujours autorisés :", none: "aucun", since: "depuis le %s",
		blocked: "bloqué par les réglages", notListed: "sans effet, seuls les sites des réglages comptent sur ce poste",
		noEffect: "autorisé aussi par les réglages", forgotten: "Oublié : %s. Votre accord sera de nouveau demandé.",
	},
	agent.English: {
		sites: "Sites always allowed:", none: "none", since: "since %s",
		blocked: "blocked by the settings", notListed: "without effect, only the sites in the settings count on this workstation",
		noEffect: "allowed by the settings too", forgotten: "Forgotten: %s. You will be asked again.",
	},
}

// siteReport is what sites prints with --json.
type siteReport struct {
	Sites   []reportSite `json:"sites"`
	Problem string       `json:"problem,omitempty"` // why nothing is remembered, by name
	Message string       `json:"message,omitempty"` // the same in words
}

type reportSite struct {
	Origin    string    `json:"origin"`
	Since     time.Time `json:"since"`
	Effective bool      `json:"effective"` // false: the settings refuse it
}

// rememberedSites lists the sites, or forgets one. A running agent notices by
// itself. A locked keyring may ask the person, who waits here, but never a script.
func rememberedSites(ctx context.Context, p settings, o options, stdout, stderr io.Writer) int {
	dir, err := agent.StateDir()
	if err != nil {
		fmt.Fprintln(stderr, "cpx-agent:", err)
		return exitProblem
	}
	store, lang := sites.New(sites.Options{Dir: dir, Unlock: !o.json}), language(p, stderr)
	if len(o.words) == 1 {
		list, err := store.List(ctx)
		return showSites(p, list, err, o.json, stdout, stderr)
	}
	origin := o.words[2]
	err = forget(ctx, store, dir, origin)
	exit := exitOfForget(err)
	switch {
	case o.json && err != nil:
		return max(exit, printJSON(p, nil, err, sites.WhyNotForgotten(err, lang), stdout, stderr))
	case o.json: // what cannot be listed was forgotten all the same
		list, err := remaining(ctx, store, dir)
		return max(exit, printJSON(p, list, err, sites.Why(err, lang), stdout, stderr))
	case err != nil:
		fmt.Fprintln(stderr, "cpx-agent:", sites.WhyNotForgotten(err, lang))
	default:
		fmt.Fprintf(stdout, siteTexts[lang].forgotten+"\n", origin)
	}
	return exit
}

// forget asks the running agent first, which takes the site back at once, also
// where the keyring lets nothing be written down. The agent may reach a keyring
// that this program does not.
func forget(ctx context.Context, store *sites.Store, dir, origin string) error {
	asking, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	if remote.Forget(asking, dir, origin) == nil {
		return nil
	}
	_, err := store.Forget(ctx, origin)
	return err
}

// remaining is the list after a change, by the running agent where one answers.
func remaining(ctx context.Context, store *sites.Store, dir string) ([]sites.Site, error) {
	asking, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	if list, err := remote.Sites(asking, dir); err == nil {
		return list, nil
	}
	list, err := store.List(ctx)
	return list.Sites, err
}

func exitOfForget(err error) int {
	switch {
	case errors.Is(err, sites.ErrOrigin):
		return exitUsage
	case err != nil:
		return exitProblem
	}
	return exitGood
}

func showSites(p settings, list sites.List, err error, asJSON bool, stdout, stderr io.Writer) int {
	lang := language(p, stderr)
	exit := exitGood
	if err != nil {
		exit = exitProblem
	}
	switch {
	case asJSON:
		return max(exit, printJSON(p, list.Sites, err, sites.Why(err, lang), stdout, stderr))
	case err != nil:
		fmt.Fprintln(stderr, "cpx-agent:", sites.Why(err, lang))
	default:
		printSites(p, list.Sites, lang, stdout)
	}
	return exit
}

func printJSON(p settings, list []sites.Site, err error, message string, stdout, stderr io.Writer) int {
	r := siteReport{Sites: []reportSite{}, Problem: sites.Reason(err), Message: message}
	for _, s := range list {
		d := p.Decide(s.Origin)
		r.Sites = append(r.Sites, reportSite{Origin: s.Origin, Since: s.Since, Effective: d == policy.Ask || d == policy.Allowed})
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		fmt.Fprintln(stderr, "cpx-agent:", err)
		return exitProblem
	}
	fmt.Fprintln(stdout, string(text))
	return exitGood
}

func printSites(p settings, list []sites.Site, lang string, w io.Writer) {
	words := siteTexts[lang]
	fmt.Fprintln(w, words.sites)
	for _, s := range list {
		mark := map[policy.Decision]string{policy.Blocked: words.blocked, policy.NotListed: words.notListed, policy.Plain: words.notListed, policy.Allowed: words.noEffect}[p.Decide(s.Origin)]
		if mark != "" {
			mark = " (" + mark + ")"
		}
		fmt.Fprintf(w, "  %s  %s%s\n", s.Origin, fmt.Sprintf(words.since, agent.Date(s.Since, lang)), mark)
	}
	if len(list) == 0 {
		fmt.Fprintln(w, " ", words.none)
	}
}
