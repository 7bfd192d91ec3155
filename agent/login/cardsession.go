package login

import (
	"context"
	"sync"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/audit"
)

// cardSession bounds the time in which a card stays logged in for the next
// signatures (pin.session): in time, and to the person's presence. It exists only
// where the machine's policy sets pin.session and the desktop reports when the
// person leaves.
type cardSession struct {
	mu      sync.Mutex
	allowed bool
	end     *time.Timer
}

// watchDesktop listens to the desktop, where the policy wants it.
func (s *Service) watchDesktop(ctx context.Context) {
	if s.Policy.PIN.Session <= 0 {
		return
	}
	err := s.Desktop(ctx, func(reason string) { _ = s.Lock(ctx, reason) })
	if err != nil {
		s.Logger.Warn("pin.session is not used: the PIN is asked each time", "why", err, audit.Setting)
		return
	}
	s.session.mu.Lock()
	s.session.allowed = true
	s.session.mu.Unlock()
}

// mayOpenSession reports whether a card may stay logged in.
func (s *Service) mayOpenSession() bool {
	s.session.mu.Lock()
	defer s.session.mu.Unlock()
	return s.session.allowed
}

// sessionOpened begins the time of a session that a PIN has just opened.
func (s *Service) sessionOpened(ctx context.Context) {
	s.session.mu.Lock()
	defer s.session.mu.Unlock()
	if s.session.end != nil {
		s.session.end.Stop()
	}
	s.session.end = time.AfterFunc(s.Policy.PIN.Session, func() { _ = s.Lock(ctx, "the time is up") })
	s.Changes.Publish()
}

// Lock ends every card session, and locks the cards. A signature that is being
// made runs to its end first.
func (s *Service) Lock(ctx context.Context, why string) error {
	s.session.mu.Lock()
	if s.session.end != nil {
		s.session.end.Stop()
	}
	s.session.mu.Unlock()
	s.Logger.Info("cards locked", "why", why, audit.Card)
	err := s.Signer.Lock(context.WithoutCancel(ctx))
	if err != nil {
		s.Logger.Warn("the cards could not be locked", "error", err, audit.Card)
	}
	s.Changes.Publish()
	return err
}
