package main

import (
	"context"
	"log/slog"

	"github.com/cpx-bridge/cpx-bridge/agent"
	"github.com/cpx-bridge/cpx-bridge/agent/notify"
)

// notifications tells the person what is good to know until ctx ends; the
// channel is closed when it has. Nobody waits for a desktop that shows nothing.
func notifications(ctx context.Context, server *agent.Server, state string, log *slog.Logger) <-chan struct{} {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		notify.Run(ctx, notify.Options{
			State: func() notify.State { return toNotify(server.State()) }, Changes: server.Changes(ctx), StateDir: state, Logger: log,
		})
	}()
	return ended
}

func toNotify(s agent.State) notify.State {
	n := notify.State{Lang: s.Lang}
	for _, c := range s.Certificates {
		if c.Holder.Renew {
			n.Cards = append(n.Cards, notify.Card{ID: c.ID, Holder: c.Holder.Name, NotAfter: c.Holder.NotAfter})
		}
	}
	return n
}
