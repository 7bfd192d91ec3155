package main

import (
	"context"
	"sync/atomic"

	"github.com/cpx-bridge/cpx-bridge/agent"
	"github.com/cpx-bridge/cpx-bridge/agent/cards"
	"github.com/cpx-bridge/cpx-bridge/agent/command"
	"github.com/cpx-bridge/cpx-bridge/agent/control"
	"github.com/cpx-bridge/cpx-bridge/agent/doctor"
	"github.com/cpx-bridge/cpx-bridge/agent/localcert"
	"github.com/cpx-bridge/cpx-bridge/agent/remote"
	"github.com/cpx-bridge/cpx-bridge/agent/sites"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/agent/supervisor"
	"github.com/cpx-bridge/cpx-bridge/internal/audit"
	"github.com/cpx-bridge/cpx-bridge/internal/language"
	"github.com/cpx-bridge/cpx-bridge/internal/programfile"
	"github.com/cpx-bridge/cpx-bridge/tray"
)

// serve serves until ctx ends, the person quits in the tray, which is command.ErrQuit, or has
// another version follow, which is command.ErrRestart.
func serve(ctx context.Context, s command.Start) error {
	log := s.Logger
	supervised := supervisor.Parent()
	defer supervised.Close()
	ctx, cancel := context.WithCancel(ctx)
	socket := control.NewServer(s.Held, log)
	socketEnded := make(chan struct{})
	go func() { defer close(socketEnded); socket.Serve(ctx) }()
	defer func() { cancel(); <-socketEnded }()

	opened := make(chan struct{}, 1)
	l := &live{log: log, inForce: s.Policy, level: s.Level, wanted: make(chan struct{}, 1), pause: defaultPause, sendEvents: func(yes bool) { s.Events.Set(yes, log) }, opened: func() {
		select {
		case opened <- struct{}{}:
		default: // the one that waits serves for both
		}
	}}
	l.open = l.openPool
	pool, err := l.firstPool(ctx, s.Policy)
	if err != nil {
		return err
	}
	l.pool.replace(pool)
	defer l.pool.Close()
	l.prompter.replace(l.newPrompter(s.Policy))
	program, err := programfile.Own()
	if err != nil {
		log.Info("an upgrade of this program is not noticed", "error", err)
	}
	var restart atomic.Bool
	var server *agent.Server
	server, err = agent.New(agent.Options{
		Policy: s.Policy, Pool: &l.pool, Logger: log, Version: version, Choice: cards.NewChoice(s.StateDir), Sites: sites.New(sites.Options{Dir: s.StateDir}),
		Certificate: localcert.New(localcert.Options{Dir: s.StateDir}), Language: language.NewChoice(s.StateDir), Journal: s.Journal,
		SessionEnds: func(why string) {
			log.Info("the desktop session ends", "why", why, audit.Agent)
			cancel()
			select {} // the system ends this process once it is answered; it ends by itself before
		},
		Program: program, Startable: s.Startable, Restart: func() { restart.Store(true); cancel() },
		Prompter: &l.prompter, InSystemLog: inSystemLog(),
		Diagnose: diagnosis(s.Settings, func() state.State { return server.State() }),
		Nameless: func(text string) string { return doctor.Nameless(text, doctor.Private(server.State())) },
	})
	if err != nil {
		return err
	}
	go func() {
		for {
			select {
			case <-opened:
				server.Refresh(ctx)
			case <-ctx.Done():
				return
			}
		}
	}()
	socket.Ready(remote.Methods(ctx, server, func(ctx context.Context) bool {
		if !asksNobody(ctx) {
			return false
		}
		log.Info("no dialog can be shown here any more: ending for an agent on a desktop", audit.Agent)
		cancel()
		return true
	}, displayAnswers, func() int {
		log.Info("quit by the command line", audit.Agent)
		cancel()
		return supervised.PID()
	}))
	if s.Show {
		server.ShowState(ctx)
	}
	l.server, l.notifications = server, switchable{start: func(ctx context.Context) <-chan struct{} { return notifications(ctx, server, s.StateDir, log) }}
	followed := l.follow(ctx, s.Settings)
	defer func() { cancel(); <-followed }()
	served := make(chan error, 1)
	go func() {
		served <- server.Serve(ctx)
		cancel() // a server's failure ends the tray too
	}()
	quit := false
	if s.Tray {
		if quit = tray.Run(ctx, server, tray.Options{Logger: log, LogFile: s.Journal.File(), ReadLog: s.Journal.Flush}); quit {
			// A supervisor that pauses after a crash would start the next agent, as this one's own
			// would where a module crashes when it is closed.
			err := control.PersonQuits(s.StateDir, supervised.PID())
			log.Info("the person quit", audit.Agent)
			if err != nil {
				log.Warn("a supervisor may start another agent", "error", err, audit.Agent)
			}
		}
		cancel()
	}
	switch err := <-served; {
	case err == nil && quit:
		return command.ErrQuit
	case err == nil && restart.Load():
		return command.ErrRestart
	default:
		return err
	}
}
