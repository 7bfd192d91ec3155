package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/cpx-bridge/cpx-bridge/agent"
	"github.com/cpx-bridge/cpx-bridge/agent/control"
	"github.com/cpx-bridge/cpx-bridge/agent/localcert"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt/window"
	"github.com/cpx-bridge/cpx-bridge/agent/remote"
	"github.com/cpx-bridge/cpx-bridge/agent/sites"
	"github.com/cpx-bridge/cpx-bridge/internal/nodump"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
	"github.com/cpx-bridge/cpx-bridge/tray"
)

// run makes this process the person's agent, or has the one that runs already
// show its state.
func run(ctx context.Context, p settings, noTray bool, stdout, stderr io.Writer) int {
	state, err := agent.StateDir()
	if err != nil {
		fmt.Fprintln(stderr, "cpx-agent:", err)
		return exitProblem
	}
	held, first, err := hold(ctx, state, language(p, stderr))
	if held == nil {
		return second(p, first, err, stdout, stderr)
	}
	log, logFile, endLog := journalled(p, state, stderr)
	defer endLog()
	warn(p, log)
	if err := nodump.Set(); err != nil {
		log.Warn("a core dump of this process may hold a PIN", "error", err)
	}
	defer func() {
		if err := held.Release(); err != nil {
			log.Warn("control socket", "error", err)
		}
	}()
	if err := held.Err(); err != nil {
		log.Warn("no control socket: other commands will not reach this agent", "error", err)
	}
	if err := serve(ctx, p, state, noTray, held, log, logFile); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(stderr, "cpx-agent:", err)
		return exitProblem
	}
	return exitGood
}

// serve serves until ctx ends or the person quits in the tray.
func serve(ctx context.Context, p settings, state string, noTray bool, held *control.Held, log *slog.Logger, logFile string) error {
	ctx, cancel := context.WithCancel(ctx)
	socket := control.NewServer(held, log)
	socketEnded := make(chan struct{})
	go func() { defer close(socketEnded); socket.Serve(ctx) }()
	defer func() { cancel(); <-socketEnded }()

	cards, err := pkcs11.Open(ctx, pkcs11.Options{Modules: p.Modules, Limits: pkcs11.Limits(p.Limits), Logger: log})
	if err != nil {
		return err
	}
	defer cards.Close()
	server, err := agent.New(agent.Options{
		Policy: p.Effective, Cards: cards, Logger: log, Version: version, Choice: agent.NewChoice(state), Sites: sites.New(sites.Options{Dir: state}),
		LocalCertificate: localcert.New(localcert.Options{Dir: state}), Language: agent.NewLanguageChoice(state), LogFile: logFile,
		Prompter: prompt.New(prompt.Options{Program: p.Pinentry, Window: window.Command(), Logger: log}),
	})
	if err != nil {
		return err
	}
	socket.Ready(remote.Methods(ctx, server, func(ctx context.Context) bool {
		if !asksNobody(ctx) {
			return false
		}
		log.Info("no dialog can be shown here any more: ending for an agent on a desktop")
		cancel()
		return true
	}, displayAnswers))
	if p.Notifications {
		notified := notifications(ctx, server, state, log)
		defer func() { cancel(); <-notified }()
	}
	served := make(chan error, 1)
	go func() {
		served <- server.Serve(ctx)
		cancel() // a server that failed ends the tray too
	}()
	if !noTray {
		if tray.Run(ctx, server, tray.Options{Logger: log, LogFile: logFile}) {
			log.Info("the person quit")
		}
		cancel()
	}
	return <-served
}
