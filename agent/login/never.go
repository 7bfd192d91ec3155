package login

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/agent/protocol"
	"github.com/cpx-bridge/cpx-bridge/agent/sites"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/audit"
)

// unsaved are the domains that the person refused for good and that do not stand in
// the file yet: it holds at once, and goes into the file as soon as the keyring lets it.
type unsaved struct {
	list []sites.Domain
	// withdrawn are those that the person took back, whatever the keyring said.
	withdrawn map[string]bool
	// emptied are those whose sites are forgotten as soon as the list can be read.
	emptied map[string]bool
}

func (u *unsaved) has(name string) bool {
	return slices.ContainsFunc(u.list, func(d sites.Domain) bool { return d.Name == name })
}

func (u *unsaved) remove(name string) bool {
	before := len(u.list)
	u.list = slices.DeleteFunc(u.list, func(d sites.Domain) bool { return d.Name == name })
	return len(u.list) < before
}

// never reports whether no site of an origin's domain may use the card.
func (c *siteCache) never(origin string) bool {
	name := sites.DomainOf(origin)
	var stamp sites.Stamp
	store := c.store()
	if store != nil {
		stamp, _ = store.Stamp() // where it cannot be read, what is unsaved counts
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.unsaved.has(name) {
		c.retrySaving()
		return true
	}
	if store == nil || stamp == (sites.Stamp{}) || stamp != c.list.Stamp || c.unsaved.withdrawn[name] {
		return false
	}
	return slices.ContainsFunc(c.list.Never, func(d sites.Domain) bool { return d.Name == name })
}

// retrySaving asks a keyring that gave no answer again, now and then; c.mu is held.
func (c *siteCache) retrySaving() {
	if c.store() != nil && time.Since(c.tried) >= c.retry {
		c.load()
	}
}

// refuse makes "never" hold at once, and has it written in the background: whoever has
// the lease must not wait for a keyring. It is the person's latest word, so what was
// always allowed of the domain is forgotten. The channel is closed when it was tried.
func (c *siteCache) refuse(name string) <-chan struct{} {
	defer c.changed()
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.unsaved.withdrawn, name)
	if len(c.unsaved.emptied) >= maxOrigins {
		clear(c.unsaved.emptied)
	}
	c.unsaved.emptied[name] = true
	for _, site := range c.list.Sites {
		if sites.DomainOf(site.Origin) == name {
			c.setForgotten(site.Origin)
		}
	}
	if !c.unsaved.has(name) {
		if len(c.unsaved.list) >= sites.Max {
			c.unsaved.list = c.unsaved.list[1:] // a person would have to click as often
		}
		c.unsaved.list = append(c.unsaved.list, sites.Domain{Name: name, Since: time.Now().UTC().Truncate(time.Second)})
	}
	if c.store() == nil {
		done := make(chan struct{})
		close(done)
		return done
	}
	c.reload = c.loading != nil // what runs may have passed it over
	return c.load()
}

// save writes what is unsaved to the file, where the keyring was open a moment ago.
func (c *siteCache) save(ctx context.Context) {
	c.mu.Lock()
	list, err := slices.Clone(c.unsaved.list), c.err
	c.mu.Unlock()
	if err != nil && !sites.Unreadable(err) {
		return
	}
	for _, d := range list {
		if err := c.saveOne(ctx, d.Name); err != nil {
			c.mu.Lock()
			c.saveErr = err
			c.mu.Unlock()
			c.notice(err)
			return
		}
	}
}

func (c *siteCache) saveOne(ctx context.Context, name string) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.mu.Lock()
	still := c.unsaved.has(name)
	c.mu.Unlock()
	if !still { // it was taken back meanwhile
		return nil
	}
	list, err := c.file.AddNever(ctx, name)
	if err != nil {
		return err
	}
	c.replace(list, list.Stamp, nil)
	c.mu.Lock()
	c.unsaved.remove(name)
	for origin := range c.forgotten { // the file itself has none of them any more
		if sites.DomainOf(origin) == name {
			delete(c.forgotten, origin)
		}
	}
	c.mu.Unlock()
	c.changed()
	return nil
}

// withdraw makes what the person takes back count no more, whatever the keyring says
// later. It reports whether that was all: it stood nowhere else.
func (c *siteCache) withdraw(what string) (all bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if strings.Contains(what, "://") {
		c.setForgotten(what)
		return false
	}
	if len(c.unsaved.withdrawn) >= maxOrigins {
		clear(c.unsaved.withdrawn)
	}
	c.unsaved.withdrawn[what] = true
	return c.unsaved.remove(what)
}

func (c *siteCache) dropUnsaved(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unsaved.remove(name)
}

// setForgotten is for the holder of c.mu.
func (c *siteCache) setForgotten(origin string) {
	if len(c.forgotten) >= maxOrigins {
		clear(c.forgotten)
	}
	c.forgotten[origin] = true
}

// refusedForGood fails where the person refused an origin's domain from now on. What
// the settings allow is not theirs to refuse. It fails too where the settings refuse the
// origin, as they may since its page connected.
func (s *Service) refusedForGood(settings *policy.Effective, origin string) error {
	switch settings.Decide(origin) {
	case policy.Allowed:
		return nil
	case policy.Ask:
	default:
		return fmt.Errorf("the settings refuse %s since its page connected: %w", origin, protocol.Fail(protocol.CodeConsentDenied))
	}
	if !s.siteCache.never(origin) {
		return nil
	}
	return fmt.Errorf("never for %s: %w", sites.DomainOf(origin), protocol.Fail(protocol.CodeConsentDenied))
}

// refuseForGood remembers that the person wants to be asked for no site of an origin's
// domain. What waits of them ends.
func (s *Service) refuseForGood(origin string) {
	name := sites.DomainOf(origin)
	if name == "" {
		return // no origin passes the gate that has none
	}
	s.Logger.Info("domain refused from now on", "domain", name, audit.Site)
	s.siteCache.refuse(name)
	s.endWaiters(name)
}

func (s *Service) endWaiters(name string) {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	s.queue.end(protocol.Fail(protocol.CodeConsentDenied), func(a asker) bool {
		return a.domain == name && s.settings().Decide(a.origin) == policy.Ask
	})
}

// Refuse makes no site of a domain count from now on, as "never" in the dialog does.
// The error says why that holds only while the agent runs. It may wait for the keyring
// for some seconds.
func (s *Service) Refuse(name string) error {
	if err := sites.CheckDomain(name); err != nil {
		return err
	}
	if s.settings().Origins.Mode == policy.ModeListed {
		return errNothingAsked
	}
	tried := s.siteCache.refuse(name)
	s.Logger.Info("domain refused from now on", "domain", name, audit.Site)
	s.endWaiters(name)
	<-tried
	c := s.siteCache
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !c.unsaved.has(name):
		return nil
	case c.store() == nil:
		return sites.ErrNoKeyring
	case c.err != nil:
		return c.err
	}
	return c.saveErr
}

// errNothingAsked says that only the settings count.
var errNothingAsked = errors.New("login: nobody is asked for consent here")

// Never are the domains none of whose sites may use the card. It never waits for the
// keyring.
func (s *Service) Never() (list []state.Domain) {
	c := s.siteCache
	var stamp sites.Stamp
	var err error
	if store := c.store(); store != nil {
		stamp, err = store.Stamp()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil && stamp == c.list.Stamp {
		for _, d := range c.list.Never {
			if !c.unsaved.withdrawn[d.Name] && !c.unsaved.has(d.Name) {
				list = append(list, state.Domain{Name: d.Name, Since: d.Since})
			}
		}
	}
	for _, d := range c.unsaved.list {
		list = append(list, state.Domain{Name: d.Name, Since: d.Since, Unsaved: true})
	}
	return list
}

// Forget takes back "always" for a site, or "never" for a domain, at once and for this
// run of the agent also where the keyring does not let it be written down, which the
// error says. It may wait for the keyring for some seconds.
func (s *Service) Forget(what string) error {
	c := s.siteCache
	all := c.withdraw(what)
	s.Changes.Publish()
	err := sites.ErrNotRemembered
	if store := c.store(); store != nil {
		c.writing.Lock()
		err = c.change(context.Background(), store.Forget, what) // the store's own limits bound it
		c.writing.Unlock()
	}
	if all && (errors.Is(err, sites.ErrNotRemembered) || c.nothingWritten()) {
		err = nil
	}
	if err != nil && !errors.Is(err, sites.ErrNotRemembered) {
		s.Logger.Warn("a site is forgotten until the agent ends only", "site", what, "error", err, audit.Site)
		return err
	}
	if err == nil {
		s.Logger.Info("site forgotten", "site", what, audit.Site)
	}
	return err
}

// nothingWritten reports whether there is no list from which something could return.
func (c *siteCache) nothingWritten() bool {
	store := c.store()
	if store == nil {
		return true
	}
	stamp, err := store.Stamp()
	return err == nil && stamp == sites.Stamp{}
}
