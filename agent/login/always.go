package login

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/cpx-bridge/cpx-bridge/agent/cards"
	"github.com/cpx-bridge/cpx-bridge/agent/peer"
	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/agent/sites"
	"github.com/cpx-bridge/cpx-bridge/internal/audit"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// offer is a login that went well, after which "always" may be asked.
type offer struct {
	caller        peer.Caller
	lang          string
	certificateID string // with which it was made
}

// OfferAlways asks in the background whether the caller is always allowed. The
// page has its token by then and does not wait; whether it stays open has nothing
// to do with the answer. The dialog goes with the card of the login.
func (s *Service) OfferAlways(caller peer.Caller, lang, certificateID string) {
	o := offer{caller, lang, certificateID}
	if !s.mayOffer(o.caller.Origin) {
		return
	}
	select {
	case s.offers <- o:
	default: // one is asked and one waits: after this site's next login, then
	}
}

func (s *Service) mayOffer(origin string) bool {
	if s.siteCache.store() == nil || s.settings().Decide(origin) != policy.Ask || s.siteCache.has(origin) || s.siteCache.never(origin) {
		return false
	}
	s.siteCache.mu.Lock()
	defer s.siteCache.mu.Unlock()
	return !s.siteCache.declined[origin]
}

// makeOffers asks one after the other, until ctx ends.
func (s *Service) makeOffers(ctx context.Context) {
	for {
		select {
		case o := <-s.offers:
			s.makeOffer(ctx, o)
		case <-ctx.Done():
			return
		}
	}
}

// errLeaseWanted ends a dialog that makes way for a login.
var errLeaseWanted = errors.New("login: a login wants the lease")

// errNotOffered ends a dialog that the settings, or what was decided elsewhere, make needless.
var errNotOffered = errors.New("login: whether to remember the site is no question any more")

// offered is the dialog that stands.
type offered struct {
	mu     sync.Mutex
	origin string
	end    context.CancelCauseFunc // nil: none stands
}

// whileOffered ends the dialog's context as soon as the settings do not let the site be
// remembered any more.
func (s *Service) whileOffered(ctx context.Context, origin string) (dialog context.Context, end func()) {
	dialog, cancel := context.WithCancelCause(ctx)
	s.offered.set(origin, cancel)
	s.endOffer() // they may have changed since the offer was made
	return dialog, func() {
		s.offered.set("", nil)
		cancel(nil)
	}
}

func (o *offered) set(origin string, end context.CancelCauseFunc) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.origin, o.end = origin, end
}

// endOffer ends the dialog that stands where it may not be asked any more.
func (s *Service) endOffer() {
	s.offered.mu.Lock()
	defer s.offered.mu.Unlock()
	if s.offered.end != nil && !s.mayOffer(s.offered.origin) {
		s.offered.end(errNotOffered)
	}
}

func (s *Service) makeOffer(ctx context.Context, o offer) {
	defer func() {
		if p := recover(); p != nil {
			s.Logger.Error("asking for always panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
	}()
	origin := o.caller.Origin
	if !s.mayOffer(origin) { // it was asked meanwhile
		return
	}
	if err := s.siteCache.ready(ctx); err != nil {
		if ctx.Err() == nil {
			s.siteCache.notice(err)
		}
		return
	}
	if !s.mayOffer(origin) { // it stands in the list that was just read
		return
	}
	err := s.askAlways(ctx, o)
	switch {
	case err == nil && !s.mayOffer(origin): // since it was asked
		s.Logger.Info("the site is not remembered", "origin", origin, "why", errNotOffered, audit.Site)
	case err == nil:
		s.siteCache.dropUnsaved(sites.DomainOf(origin)) // this is the later word
		if err := s.siteCache.change(ctx, s.siteCache.file.Add, origin); err != nil {
			s.Logger.Warn("the site cannot be remembered", "origin", origin, "error", err)
			s.siteCache.notice(err)
			return
		}
		s.Logger.Info("site remembered", "origin", origin, audit.Site)
	case errors.Is(err, prompt.ErrCancelled), errors.Is(err, prompt.ErrTimeout):
		s.siteCache.mu.Lock()
		defer s.siteCache.mu.Unlock()
		if len(s.siteCache.declined) >= maxOrigins {
			clear(s.siteCache.declined) // a flood of origins must not grow this
		}
		s.siteCache.declined[origin] = true
	case errors.Is(err, errLeaseWanted), errors.Is(err, errNotOffered), errors.Is(err, pkcs11.ErrCardRemoved): // it may be asked another time
	case ctx.Err() == nil:
		s.Logger.Warn("always cannot be asked", "error", err)
	}
}

// whileCard ends the context as soon as the card of that certificate has left, with
// pkcs11.ErrCardRemoved: who comes next must not answer for who was there.
func (s *Service) whileCard(ctx context.Context, certificateID string) (with context.Context, end func(), err error) {
	c, there := certificateIn(s.Cards.LastRead(), certificateID)
	if !there {
		return nil, nil, pkcs11.ErrCardRemoved
	}
	with, end = s.Cards.WhilePresent(ctx, c)
	// It may have left since the login, before anything watched it for this question.
	now, err := s.Cards.Current(with)
	if _, there = certificateIn(now, certificateID); err == nil && !there {
		err = pkcs11.ErrCardRemoved
	}
	if err != nil {
		end()
		return nil, nil, cards.CardRemoved(with, err)
	}
	return with, end, nil
}

func certificateIn(s pkcs11.Snapshot, id string) (pkcs11.Certificate, bool) {
	i := slices.IndexFunc(s.Certificates, func(c pkcs11.Certificate) bool { return c.ID == id })
	if i < 0 {
		return pkcs11.Certificate{}, false
	}
	return s.Certificates[i], true
}

// askAlways has the lease while the dialog stands, and makes way at once, also where
// the card of the login leaves.
func (s *Service) askAlways(ctx context.Context, o offer) error {
	ctx, endCard, err := s.whileCard(ctx, o.certificateID)
	if err != nil {
		return err
	}
	defer endCard()
	ctx, free := s.queue.acquireRevocable(ctx)
	if !free {
		return errLeaseWanted
	}
	defer s.queue.release()
	dialog, end := s.whileOffered(ctx, o.caller.Origin)
	defer end()
	dialog, cancel := context.WithTimeout(dialog, s.Limits.Always)
	defer cancel()
	s.trace.step(offerNumber, "always_asked")
	err = s.Prompter.Always(dialog, o.lang, shownCaller(dialog, o.lang, o.caller))
	s.trace.step(offerNumber, "always_ended")
	why := context.Cause(dialog)
	switch {
	case errors.Is(why, pkcs11.ErrCardRemoved): // an answer of that moment may be the next person's
		return why
	case err != nil && !errors.Is(err, prompt.ErrCancelled) && (errors.Is(why, errLeaseWanted) || errors.Is(why, errNotOffered)):
		return why
	}
	return err
}
