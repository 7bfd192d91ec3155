package main

import (
	"context"
	"log/slog"
	"reflect"
	"sync"
	"sync/atomic"

	"github.com/cpx-bridge/cpx-bridge/agent"
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
	server        *agent.Server
	pool          livePool
	prompter      livePrompter
	notifications switchable
	opened        func() // of pkcs11.Options

	inForce *policy.Effective // of the log and the notifications
	// latest are the settings for modules and dialogs, which wait for a login's end; wanted
	// receives when they are others.
	latest atomic.Pointer[policy.Effective]
	wanted chan struct{}
}

// follow follows the settings until ctx ends, and then closes the channel.
func (l *live) follow(ctx context.Context, paths policy.Paths) <-chan struct{} {
	ended := make(chan struct{})
	var running sync.WaitGroup
	l.notifications.set(ctx, l.inForce.Notifications)
	running.Go(func() { l.replaceBetweenLogins(ctx, l.inForce) })
	running.Go(func() {
		policy.Watch{
			Paths: paths, Now: l.inForce, Logger: l.log, Refused: l.server.SettingsRefused,
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
	l.server.SetPolicy(ctx, e)
	l.notifications.set(ctx, e.Notifications)
	l.latest.Store(e)
	select {
	case l.wanted <- struct{}{}:
	default: // the one that waits serves for both
	}
}

// replaceBetweenLogins keeps modules and dialogs as the settings say, until ctx ends. The
// new modules are open before the old ones end.
func (l *live) replaceBetweenLogins(ctx context.Context, now *policy.Effective) {
	for {
		select {
		case <-l.wanted:
		case <-ctx.Done():
			return
		}
		next := l.latest.Load()
		if sameDialogs(now, next) && sameModules(now, next) {
			continue
		}
		pool := (*pkcs11.Pool)(nil)
		if !sameModules(now, next) {
			var err error
			if pool, err = l.openPool(ctx, next); err != nil {
				l.log.Error("the modules of the new settings are not opened", "error", err, audit.Setting)
				continue
			}
		}
		before := pool // ends where no login's end comes
		if err := l.server.BetweenLogins(ctx, func() {
			l.prompter.replace(l.newPrompter(next))
			if pool != nil {
				before = l.pool.replace(pool)
			}
			now = next
		}); err != nil {
			l.log.Debug("modules and dialogs stay as they are", "error", err)
		}
		if pool != nil && before != pool {
			l.log.Info("modules of the new settings", "modules", next.Modules, "limits", next.Limits, audit.Setting)
		}
		if before != nil {
			l.server.Refresh(ctx)
			_ = before.Close() // it waits for what runs there
			l.server.Refresh(ctx)
		}
	}
}

// sameModules and sameDialogs compare also who chose them: what a policy names must be
// the machine's own.
func sameModules(a, b *policy.Effective) bool {
	return reflect.DeepEqual(a.Modules, b.Modules) && a.Limits == b.Limits && a.Fixed("modules") == b.Fixed("modules")
}

func sameDialogs(a, b *policy.Effective) bool {
	return a.Pinentry == b.Pinentry && a.Fixed("pinentry") == b.Fixed("pinentry")
}

func (l *live) openPool(ctx context.Context, e *policy.Effective) (*pkcs11.Pool, error) {
	return pkcs11.Open(ctx, pkcs11.Options{Modules: e.Modules, Limits: pkcs11.Limits(e.Limits), Logger: l.log, Refuse: e.Refuse("modules", l.log), Opened: l.opened})
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
