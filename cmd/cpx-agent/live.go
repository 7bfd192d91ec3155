package main

import (
	"context"
	"errors"
	"log/slog"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt/window"
	"github.com/cpx-bridge/cpx-bridge/internal/audit"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// live makes settings count that change while the agent serves.
type live struct {
	log           *slog.Logger
	level         *slog.LevelVar
	server        liveServer
	pool          livePool
	prompter      livePrompter
	notifications switchable
	opened        func() // of pkcs11.Options
	// sendEvents switches the sending of security events.
	sendEvents func(bool)
	// open opens the modules of settings; in tests they fail when they shall.
	open func(context.Context, *policy.Effective) (*pkcs11.Pool, error)
	// pause is after how long modules and dialogs that could not be replaced are tried once
	// more.
	pause time.Duration
	// refusals are why settings do not count, by what of them.
	refusals refusals

	inForce *policy.Effective // of the log and the notifications
	// latest are the settings for modules and dialogs, which wait for a login's end; wanted
	// receives when they are others.
	latest atomic.Pointer[policy.Effective]
	wanted chan struct{}
}

// liveServer is what live needs of agent.Server.
type liveServer interface {
	SetPolicy(context.Context, *policy.Effective)
	SettingsRefused(error)
	BetweenLogins(ctx context.Context, do func()) error
	Refresh(context.Context)
}

const defaultPause = 5 * time.Second

// refusals keep two failures apart of which the state has room for one.
type refusals struct {
	mu                sync.Mutex
	settings, modules error
}

// refused says why the settings that stand there are not taken, and unopened why those that
// are taken do not count for modules and dialogs; nil ends either.
func (l *live) refused(err error) {
	l.refuse(func(r *refusals) { r.settings = err })
}

func (l *live) unopened(err error) {
	l.refuse(func(r *refusals) { r.modules = err })
}

func (l *live) refuse(change func(*refusals)) {
	l.refusals.mu.Lock()
	defer l.refusals.mu.Unlock()
	change(&l.refusals)
	first := l.refusals.settings
	if first == nil {
		first = l.refusals.modules
	}
	l.server.SettingsRefused(first)
}

// follow follows the settings until ctx ends, and then closes the channel.
func (l *live) follow(ctx context.Context, paths policy.Paths) <-chan struct{} {
	ended := make(chan struct{})
	var running sync.WaitGroup
	l.notifications.set(ctx, l.inForce.Notifications)
	running.Go(func() { l.replaceBetweenLogins(ctx, l.inForce) })
	running.Go(func() {
		policy.Watch{
			Paths: paths, Now: l.inForce, Logger: l.log, Refused: l.refused,
			Changed: func(e *policy.Effective) { l.set(ctx, e) },
		}.Run(ctx)
		l.notifications.set(ctx, false)
	})
	go func() { defer close(ended); running.Wait() }()
	return ended
}

// set makes settings count, modules and dialogs as soon as no login runs.
func (l *live) set(ctx context.Context, e *policy.Effective) {
	l.level.Set(e.LogLevel())
	l.sendEvents(e.Log.Events)
	l.server.SetPolicy(ctx, e)
	l.notifications.set(ctx, e.Notifications)
	l.latest.Store(e)
	select {
	case l.wanted <- struct{}{}:
	default: // the one that waits serves for both
	}
}

// replaceBetweenLogins keeps modules and dialogs as the settings say, until ctx ends.
func (l *live) replaceBetweenLogins(ctx context.Context, now *policy.Effective) {
	failed := false
	for {
		var retry <-chan time.Time // never
		if failed {
			retry = time.After(l.pause)
		}
		select {
		case <-l.wanted:
		case <-retry:
		case <-ctx.Done():
			return
		}
		next := l.latest.Load()
		err := l.replace(ctx, now, next)
		switch {
		case err == nil:
			now = next
		case ctx.Err() != nil:
			return
		default:
			l.log.Error("modules and dialogs of the new settings do not count yet: those from before stay", "error", err, audit.Setting)
		}
		if failed || err != nil {
			l.unopened(err)
		}
		failed = err != nil
	}
}

// replace has the modules and dialogs of next take the place of those of now, as soon as no
// login runs. The new modules are open before the old ones end; where it fails, the old ones
// stay and nothing of the new ones.
func (l *live) replace(ctx context.Context, now, next *policy.Effective) error {
	if sameDialogs(now, next) && sameModules(now, next) {
		return nil
	}
	var pool, ends *pkcs11.Pool
	restarts := l.pool.restarts.Load()
	if !sameModules(now, next) {
		var err error
		if pool, err = l.open(ctx, next); err != nil {
			return errors.Join(err, closed(pool))
		}
	}
	if err := l.server.BetweenLogins(ctx, func() {
		l.prompter.replace(l.newPrompter(next))
		if pool != nil {
			ends = l.pool.replace(pool)
			_ = ends.Lock(ctx)                      // no card stays unlocked in modules that nothing reaches any more
			if l.pool.restarts.Load() != restarts { // meanwhile: the new ones were open before it
				_ = pool.Restart(ctx)
			}
		}
	}); err != nil {
		return errors.Join(err, closed(pool))
	}
	if pool == nil {
		return nil
	}
	l.log.Info("modules of the new settings", "modules", next.Modules, "limits", next.Limits, audit.Setting)
	l.server.Refresh(ctx)
	_ = closed(ends) // it waits for what runs there
	l.server.Refresh(ctx)
	return nil
}

// closed closes a pool, where there is one.
func closed(pool *pkcs11.Pool) error {
	if pool == nil {
		return nil
	}
	return pool.Close()
}

// sameModules and sameDialogs compare also by what Refuse decides: who chose them, because
// what a policy names must be the machine's own, and whether it may come from the network.
func sameModules(a, b *policy.Effective) bool {
	return reflect.DeepEqual(a.Modules, b.Modules) && a.Limits == b.Limits && sameRefuse("modules", a, b)
}

func sameDialogs(a, b *policy.Effective) bool {
	return a.Pinentry == b.Pinentry && sameRefuse("pinentry", a, b)
}

func sameRefuse(key string, a, b *policy.Effective) bool {
	return a.Fixed(key) == b.Fixed(key) && a.ModulesFromNetwork == b.ModulesFromNetwork
}

func (l *live) openPool(ctx context.Context, e *policy.Effective) (*pkcs11.Pool, error) {
	return pkcs11.Open(ctx, l.poolOptions(e))
}

// firstPool is the pool of a start, which does not wait for modules: pages are heard meanwhile.
func (l *live) firstPool(ctx context.Context, e *policy.Effective) (*pkcs11.Pool, error) {
	o := l.poolOptions(e)
	o.ByReading = true
	return pkcs11.Open(ctx, o)
}

func (l *live) poolOptions(e *policy.Effective) pkcs11.Options {
	return pkcs11.Options{Modules: e.Modules, Limits: pkcs11.Limits(e.Limits), Logger: l.log, Refuse: e.Refuse("modules", l.log), Opened: l.opened}
}

func (l *live) newPrompter(e *policy.Effective) prompt.Prompter {
	return prompt.New(prompt.Options{Program: e.Pinentry, Window: window.Command(), Logger: l.log, Refuse: e.Refuse("pinentry", l.log)})
}

// switchable runs while it is switched on. Its methods are for one goroutine.
type switchable struct {
	start func(ctx context.Context) (ended <-chan struct{})
	stop  func() // nil: it does not run
}

func (s *switchable) set(ctx context.Context, on bool) {
	switch {
	case on && s.stop == nil:
		ctx, cancel := context.WithCancel(ctx)
		ended := s.start(ctx)
		s.stop = func() { cancel(); <-ended }
	case !on && s.stop != nil:
		s.stop()
		s.stop = nil
	}
}
