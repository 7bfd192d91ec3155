package login

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/agent/sites"
	"github.com/cpx-bridge/cpx-bridge/internal/language"
)

// siteCache is the agent's copy of the list of sites that the person always
// allows, and of domains whose sites never may. The copy counts only while it is the list that stands in the file,
// which is compared at each decision: the command line may have changed it.
// The keyring is asked in the background, and never by whom a page waits for.
type siteCache struct {
	file    *sites.Store  // nil: nothing is ever remembered
	off     atomic.Bool   // only the settings count, so the keyring is not asked
	retry   time.Duration // before a keyring that gave no answer is asked again
	log     *slog.Logger
	changed func()

	mu        sync.Mutex
	life      context.Context // of reading in the background
	started   bool
	list      sites.List
	seen      sites.Stamp // of the file when it was last read, well or not
	err       error       // why nothing can be remembered, or nil
	tried     time.Time   // when it was last read
	loading   chan struct{}
	reload    bool            // something came after what runs began
	forgotten map[string]bool // taken back in this run, whatever the keyring said
	declined  map[string]bool // asked in this run
	noticed   string
	unsaved   unsaved
	saveErr   error // why the last of them was not written

	writing sync.Mutex // of a domain to the file; never taken while mu is held
}

func newSiteCache(store *sites.Store, retry time.Duration, log *slog.Logger, changed func()) *siteCache {
	return &siteCache{file: store, retry: retry, log: log, changed: changed, life: context.Background(), forgotten: map[string]bool{}, declined: map[string]bool{}, unsaved: unsaved{withdrawn: map[string]bool{}, emptied: map[string]bool{}}}
}

// store is the list's file, nil where nothing is remembered now.
func (c *siteCache) store() *sites.Store {
	if c.off.Load() {
		return nil
	}
	return c.file
}

// setOff says whether only the settings count. What the person refused in this run is
// kept for when it does not.
func (c *siteCache) setOff(off bool) {
	if c.off.Swap(off) == off || off || c.file == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.started {
		c.load()
	}
}

// has reports whether an origin is remembered. Where the copy is not the file's it
// is no, and the file is read in the background.
func (c *siteCache) has(origin string) bool {
	store := c.store()
	if store == nil {
		return false
	}
	stamp, err := store.Stamp()
	if err != nil || stamp == (sites.Stamp{}) {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.update(stamp)
	if stamp != c.list.Stamp || c.forgotten[origin] || c.unsaved.has(sites.DomainOf(origin)) {
		return false
	}
	return slices.ContainsFunc(c.list.Sites, func(s sites.Site) bool { return s.Origin == origin })
}

// update has the list read in the background where the file is another than the one
// that was read. A keyring does not report that it was opened: where it was why the
// list could not be read it is asked again, now and then; c.mu is held.
func (c *siteCache) update(stamp sites.Stamp) {
	if stamp != c.seen || sites.Unreachable(c.err) && time.Since(c.tried) >= c.retry {
		c.load()
	}
}

// refresh makes sure that the copy is the file's, for so long at most.
func (c *siteCache) refresh(ctx context.Context, limit time.Duration) {
	store := c.store()
	if store == nil {
		return
	}
	stamp, err := store.Stamp()
	if err != nil || stamp == (sites.Stamp{}) {
		return // there is nothing to wait for
	}
	c.mu.Lock()
	if stamp == c.list.Stamp {
		c.mu.Unlock()
		return
	}
	done := c.load()
	c.mu.Unlock()
	wait := time.NewTimer(limit)
	defer wait.Stop()
	select {
	case <-done:
	case <-wait.C:
	case <-ctx.Done():
	}
}

// ready reads the list anew and says why nothing can be remembered.
func (c *siteCache) ready(ctx context.Context) error {
	if c.store() == nil {
		return sites.ErrNoKeyring
	}
	c.mu.Lock()
	done := c.load()
	c.mu.Unlock()
	select {
	case <-done:
	case <-ctx.Done():
		return ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if sites.Unreadable(c.err) {
		return nil // a new list may begin
	}
	if c.err == nil && len(c.list.Sites) >= sites.Max {
		return sites.ErrFull
	}
	return c.err
}

// start reads the list at the agent's start, also where there is none yet: it
// shows whether one can be remembered. Reading in the background ends with ctx.
func (c *siteCache) start(ctx context.Context) {
	if c.file == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.life, c.started = ctx, true
	if !c.off.Load() {
		c.load()
	}
}

// wait lets the background end, once start's context has.
func (c *siteCache) wait() {
	c.mu.Lock()
	loading := c.loading
	c.mu.Unlock()
	if loading != nil {
		<-loading
	}
}

// load reads the list in the background, once at a time; c.mu is held. The
// channel is closed at its end, which the store's own limits bound.
func (c *siteCache) load() <-chan struct{} {
	if c.loading != nil {
		return c.loading
	}
	done := make(chan struct{})
	c.loading = done
	ctx := c.life
	go func() {
		defer close(done)
		for more := true; more; more = c.moreToLoad() {
			c.read(ctx)
			c.save(ctx)
		}
	}()
	return done
}

func (c *siteCache) read(ctx context.Context) {
	for range 3 { // once more where it was changed meanwhile
		before, _ := c.file.Stamp()
		list, err := c.file.List(ctx)
		if ctx.Err() != nil {
			return // given up on, says nothing about the keyring
		}
		c.replace(list, before, err)
		if now, _ := c.file.Stamp(); now == before || now == list.Stamp {
			return
		}
	}
}

// moreToLoad ends loading, or begins it anew.
func (c *siteCache) moreToLoad() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	more := c.reload && c.life.Err() == nil
	c.reload = false
	if !more {
		c.loading = nil
	}
	return more
}

// replace remembers what was read, and logs once what is wrong. A keyring that is locked
// after the list was read takes nothing back.
func (c *siteCache) replace(list sites.List, seen sites.Stamp, err error) {
	c.mu.Lock()
	if err != nil && !sites.Unreadable(err) {
		list = c.list
	} else if err == nil {
		seen = list.Stamp
	}
	if err == nil && len(c.unsaved.emptied) > 0 {
		for _, site := range list.Sites {
			if c.unsaved.emptied[sites.DomainOf(site.Origin)] {
				c.setForgotten(site.Origin)
			}
		}
		clear(c.unsaved.emptied)
	}
	differs := list.Stamp != c.list.Stamp || sites.Why(err, language.English) != sites.Why(c.err, language.English)
	c.list, c.seen, c.err, c.tried = list, seen, err, time.Now()
	c.mu.Unlock()
	c.notice(err)
	if differs {
		c.changed()
	}
}

func (c *siteCache) notice(err error) {
	why := sites.Why(err, language.English)
	c.mu.Lock()
	fresh := why != c.noticed
	c.noticed = why
	c.mu.Unlock()
	if fresh && err != nil {
		c.log.Warn("sites are not remembered", "why", why, "error", err)
	}
}

// change adds or takes back a site or domain in the file and in the copy.
func (c *siteCache) change(ctx context.Context, do func(context.Context, string) (sites.List, error), what string) error {
	list, err := do(ctx, what)
	if err == nil || errors.Is(err, sites.ErrNotRemembered) {
		c.mu.Lock()
		delete(c.forgotten, what) // the file says so itself
		delete(c.unsaved.withdrawn, what)
		c.mu.Unlock()
	}
	if err != nil {
		return err
	}
	c.replace(list, list.Stamp, nil)
	return nil
}

// Allowed reports whether an origin may do without a consent dialog, at this
// moment: a site that was just forgotten may not, whatever it was when it came.
func (s *Service) Allowed(origin string) bool {
	return s.allowedBy(s.settings(), origin)
}

// allowedBy is Allowed under those settings.
func (s *Service) allowedBy(settings *policy.Effective, origin string) bool {
	switch settings.Decide(origin) {
	case policy.Allowed:
		return true
	case policy.Ask:
		return s.siteCache.has(origin)
	}
	return false
}

// Remembers reports whether sites can be remembered here at all.
func (s *Service) Remembers() bool { return s.siteCache.store() != nil }

// SitesFile is the file with the remembered sites, "" where there is none.
func (s *Service) SitesFile() string {
	if s.siteCache.file == nil {
		return ""
	}
	return s.siteCache.file.File()
}

// Sites are the sites that the person always allows. The error is why nothing
// can be remembered, of package sites. It never waits for the keyring.
func (s *Service) Sites() ([]sites.Site, error) {
	c := s.siteCache
	store := c.store()
	if store == nil {
		return nil, nil
	}
	stamp, err := store.Stamp()
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		c.update(stamp)
	}
	var list []sites.Site
	if stamp == c.list.Stamp {
		for _, site := range c.list.Sites {
			if !c.forgotten[site.Origin] {
				list = append(list, site)
			}
		}
	}
	return list, c.err
}
