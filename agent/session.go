package agent

import (
	"context"
	"errors"

	"github.com/cpx-bridge/cpx-bridge/agent/desktop"
)

// watchDesktop follows the desktop session until ctx ends, and returns why nothing reports
// when the person leaves, or nil.
func (s *Server) watchDesktop(ctx context.Context) error {
	err := s.options.Desktop(ctx, func(e desktop.Event) { s.desktopEvent(ctx, e) })
	if err != nil {
		s.options.Logger.Debug("the desktop session is not followed", "why", err)
	}
	return err
}

// desktopEvent returns once what must not be overdue is done: the machine may go to sleep
// then, or end this process.
func (s *Server) desktopEvent(ctx context.Context, e desktop.Event) {
	if ctx.Err() != nil {
		return
	}
	s.options.Logger.Info("desktop session", "event", e.Kind, "why", e.Reason)
	switch e.Kind {
	case desktop.Away:
		s.cards.Expire()
		s.login.PersonLeaves(ctx, e.Reason)
	case desktop.Back:
		s.cards.ReadAnew(ctx, false)
	case desktop.Resumed:
		go s.cards.ReadAnew(ctx, true) // which waits for a module that is at work
	case desktop.Lost:
		s.login.DesktopLost(ctx, errors.New(e.Reason))
	case desktop.Heard:
		s.login.DesktopHeard()
	case desktop.Ends:
		s.options.SessionEnds(e.Reason)
	}
}
