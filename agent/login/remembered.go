package login

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/agent/sites"
	"github.com/cpx-bridge/cpx-bridge/internal/language"
)

// remembered is the agent's copy of the list of sites that the person always
// allows. The copy counts only while it is the list that stands in the file,
// which is compared at each decision: the command line may have changed it.
// The keyring is asked in the background, and never by whom a page waits for.
type remembered struct {
	store   *sites.Store  // nil: nothing is ever remembered
	retry   time.Duration // before a keyring that gave no answer is asked again
	log     *slog.Logger
	changed func()

	mu        sync.Mutex
	life      context.Context // of reading in the background
	list      sites.List
	seen      sites.Stamp // of the file when it was last read, well or not
	err       error       // why nothing can be remembered, or nil
	tried     time.Time   // when it was last read
	loading   chan struct{}
	forgotten map[string]bool // taken back in this run, whatever the keyring said
	declined  map[string]bool // asked in this run
	noticed   string
}

func newRemembered(store *sites.Store, retry time.Duration, log *slog.Logger, changed func()) *remembered {
	return &remembered{store: store, retry: retry, log: log, changed: changed, life: context.Background(), forgotten: map[string]bool{}, declined: map[string]bool{}}
}

// has reports whether an origin is remembered. Where the copy is not the file's it
// is no, and the file is read in the background.
func (r *remembered) has(origin string) bool {
	if r.store == nil {
		return false
	}
	stamp, err := r.store.Stamp()
	if err != nil || stamp == (sites.Stamp{}) {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.update(stamp)
	if stamp != r.list.Stamp || r.forgotten[origin] {
		return false
	}
	return slices.ContainsFunc(r.list.Sites, func(s sites.Site) bool { return s.Origin == origin })
}

// update has the list read in the background where the file is another than the one
// that was read. A keyring does not report that it was opened: where it was why the
// list could not be read it is asked again, now and then; r.mu is held.
func (r *remembered) update(stamp sites.Stamp) {
	if stamp != r.seen || sites.Unreachable(r.err) && time.Since(r.tried) >= r.retry {
		r.load()
	}
}

// refresh makes sure that the copy is the file's, for so long at most.
func (r *remembered) refresh(ctx context.Context, limit time.Duration) {
	if r.store == nil {
		return
	}
	stamp, err := r.store.Stamp()
	if err != nil || stamp == (sites.Stamp{}) {
		return // there is nothing to wait for
	}
	r.mu.Lock()
	if stamp == r.list.Stamp {
		r.mu.Unlock()
		return
	}
	done := r.load()
	r.mu.Unlock()
	wait := time.NewTimer(limit)
	defer wait.Stop()
	select {
	case <-done:
	case <-wait.C:
	case <-ctx.Done():
	}
}

// ready reads the list anew and says why nothing can be remembered.
func (r *remembered) ready(ctx context.Context) error {
	if r.store == nil {
		return sites.ErrNoKeyring
	}
	r.mu.Lock()
	done := r.load()
	r.mu.Unlock()
	select {
	case <-done:
	case <-ctx.Done():
		return ctx.Err()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if sites.Unreadable(r.err) {
		return nil // a new list may begin
	}
	if r.err == nil && len(r.list.Sites) >= sites.Max {
		return sites.ErrFull
	}
	return r.err
}

// start reads the list at the agent's start, also where there is none yet: it
// shows whether one can be remembered. Reading in the background ends with ctx.
func (r *remembered) start(ctx context.Context) {
	if r.store == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.life = ctx
	r.load()
}

// wait lets the background end, once start's context has.
func (r *remembered) wait() {
	r.mu.Lock()
	loading := r.loading
	r.mu.Unlock()
	if loading != nil {
		<-loading
	}
}

// load reads the list in the background, once at a time; r.mu is held. The
// channel is closed at its end, which the store's own limits bound.
func (r *remembered) load() <-chan struct{} {
	if r.loading != nil {
		return r.loading
	}
	done := make(chan struct{})
	r.loading = done
	ctx := r.life
	go func() {
		defer close(done)
		for range 3 { // once more where it was changed meanwhile
			before, _ := r.store.Stamp()
			list, err := r.store.List(ctx)
			if ctx.Err() != nil {
				break // given up on, says nothing about the keyring
			}
			r.replace(list, before, err)
			if now, _ := r.store.Stamp(); now == before || now == list.Stamp {
				break
			}
		}
		r.mu.Lock()
		r.loading = nil
		r.mu.Unlock()
	}()
	return done
}

// replace remembers what was read, and logs once what is wrong. A keyring that is locked
// after the list was read takes nothing back.
func (r *remembered) replace(list sites.List, seen sites.Stamp, err error) {
	r.mu.Lock()
	if err != nil && !sites.Unreadable(err) {
		list = r.list
	} else if err == nil {
		seen = list.Stamp
	}
	differs := list.Stamp != r.list.Stamp || sites.Why(err, language.English) != sites.Why(r.err, language.English)
	r.list, r.seen, r.err, r.tried = list, seen, err, time.Now()
	r.mu.Unlock()
	r.notice(err)
	if differs {
		r.changed()
	}
}

func (r *remembered) notice(err error) {
	why := sites.Why(err, language.English)
	r.mu.Lock()
	fresh := why != r.noticed
	r.noticed = why
	r.mu.Unlock()
	if fresh && err != nil {
		r.log.Warn("sites are not remembered", "why", why, "error", err)
	}
}

// change adds or takes back a site in the file and in the copy.
func (r *remembered) change(ctx context.Context, do func(context.Context, string) (sites.List, error), origin string) error {
	list, err := do(ctx, origin)
	if err != nil {
		return err
	}
	r.mu.Lock()
	delete(r.forgotten, origin)
	r.mu.Unlock()
	r.replace(list, list.Stamp, nil)
	return nil
}

func (r *remembered) setForgotten(origin string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.forgotten) >= maxOrigins {
		clear(r.forgotten)
	}
	r.forgotten[origin] = true
}

// Allowed reports whether an origin may do without a consent dialog, at this
// moment: a site that was just forgotten may not, whatever it was when it came.
func (s *Service) Allowed(origin string) bool {
	switch s.Policy.Decide(origin) {
	case policy.Allowed:
		return true
	case policy.Ask:
		return s.remembered.has(origin)
	}
	return false
}

// Remembers reports whether sites can be remembered here at all.
func (s *Service) Remembers() bool { return s.remembered.store != nil }

// SitesFile is the file with the remembered sites, "" where there is none.
func (s *Service) SitesFile() string {
	if s.remembered.store == nil {
		return ""
	}
	return s.remembered.store.File()
}

// Sites are the sites that the person always allows. The error is why nothing
// can be remembered, of package sites. It never waits for the keyring.
func (s *Service) Sites() ([]sites.Site, error) {
	r := s.remembered
	if r.store == nil {
		return nil, nil
	}
	stamp, err := r.store.Stamp()
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		r.update(stamp)
	}
	var list []sites.Site
	if stamp == r.list.Stamp {
		for _, site := range r.list.Sites {
			if !r.forgotten[site.Origin] {
				list = append(list, site)
			}
		}
	}
	return list, r.err
}

// Forget takes back "always" for a site, at once and for this run of the agent
// also where the keyring does not let it be written down, which the error says.
// It may wait for the keyring for some seconds.
func (s *Service) Forget(origin string) error {
	if s.remembered.store == nil {
		return sites.ErrNotRemembered
	}
	s.remembered.setForgotten(origin)
	s.Changes.Publish()
	err := s.remembered.change(context.Background(), s.remembered.store.Forget, origin) // the store's own limits bound it
	if err != nil && !errors.Is(err, sites.ErrNotRemembered) {
		s.Logger.Warn("a site is forgotten until the agent ends only", "origin", origin, "error", err)
		return err
	}
	if err == nil {
		s.Logger.Info("site forgotten", "origin", origin)
	}
	return err
}
