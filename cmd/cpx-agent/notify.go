package main

import (
	"context"
	"log/slog"

	"github.com/cpx-bridge/cpx-bridge/agent"
	"github.com/cpx-bridge/cpx-bridge/agent/notify"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/language"
)

// notifications shows the person notifications until ctx ends, and then closes the
// channel. It runs on its own because a desktop may be slow to show them.
func notifications(ctx context.Context, server *agent.Server, stateDir string, log *slog.Logger) <-chan struct{} {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		notify.Run(ctx, notify.Options{
			State: func() notify.State { return toNotify(server.State()) }, Changes: server.Changes(ctx), StateDir: stateDir, Logger: log,
		})
	}()
	return ended
}

// toNotify selects what notifications are made of.
func toNotify(s state.State) notify.State {
	n := notify.State{Lang: s.Lang, Paused: s.PauseText(s.Lang)}
	if s.SitesFailure != nil {
		n.Keyring = s.SitesFailure.SitesText(s.Lang)
	}
	for _, c := range s.Certificates {
		if c.Renew {
			n.Cards = append(n.Cards, notify.Card{ID: c.ID, NotAfter: language.Date(c.NotAfter, s.Lang)})
		}
	}
	return n
}
