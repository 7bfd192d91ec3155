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
	watched bool // the desktop reports when the person leaves
	lost    bool // it did, and never does any more, whatever is said of it after that
	end     *time.Timer
}

// desktopWatched notes whether anything reports when the person leaves: err is why not, or
// nil. What events say of it wins, whenever they come: the watch may report them before its
// own beginning is known here.
func (s *Service) desktopWatched(err error) {
	if err == nil {
		s.DesktopHeard()
	} else if s.settings().PIN.Session > 0 {
		s.Logger.Warn("pin.session is not used: the PIN is asked each time", "why", err, audit.Setting)
	}
}

// DesktopHeard lets cards stay logged in: it is reported from now on when the person leaves.
func (s *Service) DesktopHeard() {
	s.session.mu.Lock()
	defer s.session.mu.Unlock()
	s.session.watched = true
}

// desktopLost is for good.
func (s *Service) desktopLost() {
	s.session.mu.Lock()
	defer s.session.mu.Unlock()
	s.session.lost = true
}

// PersonLeaves ends the card sessions where the policy lets cards stay logged in.
func (s *Service) PersonLeaves(ctx context.Context, why string) {
	if s.settings().PIN.Session > 0 {
		_ = s.Lock(ctx, why)
	}
}

// DesktopLost is PersonLeaves, and no card stays logged in any more.
func (s *Service) DesktopLost(ctx context.Context, why error) {
	s.desktopLost()
	s.desktopWatched(why)
	s.PersonLeaves(ctx, why.Error())
}

// mayOpenSession reports whether a card may stay logged in.
func (s *Service) mayOpenSession() bool {
	s.session.mu.Lock()
	defer s.session.mu.Unlock()
	return s.session.watched && !s.session.lost && s.settings().PIN.Session > 0
}

// sessionOpened begins the time of a session that a PIN has just opened.
func (s *Service) sessionOpened(ctx context.Context) {
	if !s.mayOpenSession() { // it was taken back while the card signed
		_ = s.Lock(ctx, "the settings do not let a card stay unlocked any more")
		return
	}
	s.session.mu.Lock()
	defer s.session.mu.Unlock()
	if s.session.end != nil {
		s.session.end.Stop()
	}
	s.session.end = time.AfterFunc(s.settings().PIN.Session, func() { _ = s.Lock(ctx, "the time is up") })
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
