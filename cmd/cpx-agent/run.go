package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/cpx-bridge/cpx-bridge/agent"
	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/agent/sites"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
	"github.com/cpx-bridge/cpx-bridge/tray"
)

// run serves until ctx ends or the person quits in the tray.
func run(ctx context.Context, p *policy.Effective, noTray bool, stderr io.Writer) int {
	log := logger(p, stderr)
	warn(p, log)
	state, err := agent.StateDir()
	if err != nil {
		fmt.Fprintln(stderr, "cpx-agent:", err)
		return exitProblem
	}
	cards, err := pkcs11.Open(ctx, pkcs11.Options{Modules: p.Modules, Limits: pkcs11.Limits(p.Limits), Logger: log})
	if err != nil {
		fmt.Fprintln(stderr, "cpx-agent:", err)
		return exitProblem
	}
	defer cards.Close()
	server, err := agent.New(agent.Options{
		Policy: p, Cards: cards, Logger: log, Version: version, Choice: agent.NewChoice(state), Sites: sites.New(sites.Options{Dir: state}),
		Prompter: prompt.NewPinentry(prompt.PinentryOptions{Program: p.Pinentry, Logger: log}),
	})
	if err != nil {
		fmt.Fprintln(stderr, "cpx-agent:", err)
		return exitProblem
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	served := make(chan error, 1)
	go func() {
		served <- server.Serve(ctx)
		cancel() // a server that failed ends the tray too
	}()
	if !noTray {
		if tray.Available() {
			if tray.Run(ctx, server) {
				log.Info("the person quit")
			}
			cancel()
		} else {
			log.Info("no display answers: running without the tray")
		}
	}
	if err := <-served; err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(stderr, "cpx-agent:", err)
		return exitProblem
	}
	return exitGood
}
