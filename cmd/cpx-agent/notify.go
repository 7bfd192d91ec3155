package main

import (
	"context"
	"log/slog"

	"github.com/cpx-bridge/cpx-bridge/agent"
	"github.com/cpx-bridge/cpx-bridge/agent/notify"
	"github.com/cpx-bridge/cpx-bridge/agent/sites"
)

// notifications tells the person what is good to know until ctx ends; the
// channel is closed when it has. Nobody waits for a desktop that shows nothing.
func notifications(ctx context.Context, server *agent.Server, state string, log *slog.Logger) <-chan struct{} {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		notify.Run(ctx, notify.Options{
			State: func() notify.State { return toNotify(server) }, Changes: server.Changes(ctx), StateDir: state, Logger: log,
		})
	}()
	return ended
}

// notified is what notes are made of; *agent.Server is one.
type notified interface {
	State() agent.State
	Sites() ([]sites.Site, error)
}

func toNotify(a notified) notify.State {
	s := a.State()
	_, err := a.Sites()
	n := notify.State{Lang: s.Lang, Keyring: sites.Why(err, s.Lang)}
	for _, c := range s.Certificates {
		if c.Holder.Renew {
			n.Cards = append(n.Cards, notify.Card{ID: c.ID, Holder: c.Holder.Name, NotAfter: c.Holder.NotAfter})
		}
	}
	return n
}
