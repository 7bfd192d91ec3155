package agent

import (
	"context"
	"sync"
	"time"
)

// pinSession bounds a login of the card that is kept for the next signatures:
// in time, and to the person's presence. It exists only where the machine's
// policy sets pin.session and something tells when the person leaves.
type pinSession struct {
	mu      sync.Mutex
	allowed bool
	end     *time.Timer
}

// startPINSession listens to the desktop, where the policy wants it.
func (s *Server) startPINSession(ctx context.Context) {
	if s.policy.PIN.Session <= 0 {
		return
	}
	err := s.desktop(ctx, func(reason string) { _ = s.lock(ctx, reason) })
	if err != nil {
		s.log.Warn("pin.session is not used: the PIN is asked each time", "why", err)
		return
	}
	s.pin.mu.Lock()
	s.pin.allowed = true
	s.pin.mu.Unlock()
}

// keeps tells whether a login may be kept.
func (s *Server) keeps() bool {
	s.pin.mu.Lock()
	defer s.pin.mu.Unlock()
	return s.pin.allowed
}

// kept begins the time of a login that a PIN has just opened.
func (s *Server) kept(ctx context.Context) {
	s.pin.mu.Lock()
	defer s.pin.mu.Unlock()
	if s.pin.end != nil {
		s.pin.end.Stop()
	}
	s.pin.end = time.AfterFunc(s.policy.PIN.Session, func() { _ = s.lock(ctx, "the time is up") })
	s.changes.tell()
}

// lock ends every login that is kept, and locks the cards. A signature that is
// being made runs to its end first.
func (s *Server) lock(ctx context.Context, why string) error {
	s.pin.mu.Lock()
	if s.pin.end != nil {
		s.pin.end.Stop()
	}
	s.pin.mu.Unlock()
	s.log.Info("cards locked", "why", why)
	err := s.cards.Lock(context.WithoutCancel(ctx))
	if err != nil {
		s.log.Warn("the cards could not be locked", "error", err)
	}
	s.changes.tell()
	return err
}
