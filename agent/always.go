package agent

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
)

// offer is a login that went well, after which "always" may be asked.
type offer struct {
	who  caller
	lang string
}

// offerAlways asks in the background. The page has its token by then and does
// not wait; whether it stays open has nothing to do with the answer.
func (s *Server) offerAlways(o offer) {
	if !s.mayOffer(o.who.origin) {
		return
	}
	select {
	case s.offers <- o:
	default: // one is asked and one waits: after this site's next login, then
	}
}

func (s *Server) mayOffer(origin string) bool {
	if s.remembered.store == nil || s.policy.Decide(origin) != policy.Ask || s.remembered.has(origin) {
		return false
	}
	s.remembered.mu.Lock()
	defer s.remembered.mu.Unlock()
	return !s.remembered.declined[origin]
}

// makeOffers asks one after the other, until ctx ends.
func (s *Server) makeOffers(ctx context.Context) {
	for {
		select {
		case o := <-s.offers:
			s.ask(ctx, o)
		case <-ctx.Done():
			return
		}
	}
}

// errTurnWanted ends a dialog that gives way to a login.
var errTurnWanted = errors.New("agent: a login wants the turn")

func (s *Server) ask(ctx context.Context, o offer) {
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("asking for always panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
	}()
	origin := o.who.origin
	if !s.mayOffer(origin) { // it was asked meanwhile
		return
	}
	if err := s.remembered.ready(ctx); err != nil {
		if ctx.Err() == nil {
			s.remembered.notice(err)
		}
		return
	}
	if !s.mayOffer(origin) { // it stands in the list that was just read
		return
	}
	err := s.askAlways(ctx, o)
	switch {
	case err == nil:
		if err := s.remembered.change(ctx, s.remembered.store.Add, origin); err != nil {
			s.log.Warn("the site cannot be remembered", "origin", origin, "error", err)
			s.remembered.notice(err)
			return
		}
		s.log.Info("site remembered", "origin", origin)
	case errors.Is(err, prompt.ErrCancelled), errors.Is(err, prompt.ErrTimeout):
		s.remembered.mu.Lock()
		defer s.remembered.mu.Unlock()
		if len(s.remembered.declined) >= maxOrigins {
			clear(s.remembered.declined) // a flood of origins must not grow this
		}
		s.remembered.declined[origin] = true
	case !errors.Is(err, errTurnWanted) && ctx.Err() == nil:
		s.log.Warn("always cannot be asked", "error", err)
	}
}

// askAlways holds the turn while the dialog stands, and gives way at once.
func (s *Server) askAlways(ctx context.Context, o offer) error {
	ctx, free := s.queue.lend(ctx)
	if !free {
		return errTurnWanted
	}
	defer s.queue.leave()
	dialog, cancel := context.WithTimeout(ctx, s.limits.Always)
	defer cancel()
	err := s.prompter.Always(dialog, o.lang, prompt.Caller{Origin: o.who.origin, Program: o.who.peer.Program})
	if err != nil && !errors.Is(err, prompt.ErrCancelled) && errors.Is(context.Cause(dialog), errTurnWanted) {
		return errTurnWanted
	}
	return err
}
