package attack

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
)

func line14() []Attack {
	return []Attack{{Line: 14, Title: "requests in great number, pages that reload, a wrong PIN", Short: true, Empty: true, Play: lockOut}}
}

// lockOut has pages do what they can to spend the card's tries; the card itself counts.
func lockOut(w *World, r *Record) error {
	s, err := w.OpenWithReader(stack.Options{}, virtual.CardOptions{})
	if err != nil {
		return err
	}
	pin := s.Card().PIN()
	if got := w.reason(w.Origin); got != "ok" || pin.Tries() != 1 {
		return fmt.Errorf("the login before: %s, %d PINs sent", got, pin.Tries())
	}

	s.types(func() string { return "cancel" })
	var pages sync.WaitGroup
	for range 40 {
		pages.Go(func() { w.reason(w.Origin) })
	}
	pages.Wait()
	r.Check(pin.Tries() == 1 && w.pinDialogs() > 1, "40 logins at once, each of whose dialogs the person closes", "%d dialogs, %d PINs sent", w.pinDialogs()-1, pin.Tries()-1)

	for range 10 { // a page that asks and goes away
		p, _, err := w.Dial(w.Origin, nil)
		if err != nil {
			return err
		}
		if err := p.Send("authenticate", map[string]any{"challengeNonce": Nonce()}); err != nil {
			return err
		}
		_ = p.Socket.Close()
	}
	r.Check(pin.Tries() == 1, "10 pages that ask and are gone", "%d PINs sent", pin.Tries()-1)
	return wrongPIN(w, r, s)
}

// wrongPIN has the person type one wrong PIN and then stop. The attack above may have
// left the site paused, so the agent begins anew.
func wrongPIN(w *World, r *Record, s *station) error {
	if err := w.Restart(); err != nil {
		return err
	}
	pin := s.Card().PIN()
	before := pin.Tries()
	var entries atomic.Int32
	s.types(func() string {
		if entries.Add(1) == 1 {
			return "0000"
		}
		return "cancel"
	})
	got := w.reason(w.Origin)
	r.Check(got == "pin_incorrect" && pin.Tries() == before+1 && entries.Load() == 2, "one wrong PIN", "%s, %d dialogs, %d PINs sent", got, entries.Load(), pin.Tries()-before)
	s.types(func() string { return "cancel" })
	got = w.reason(w.Origin)
	r.Check(pin.Tries() == before+1, "the next login, closed", "%s, %d PINs sent", got, pin.Tries()-before-1)
	s.types(func() string { return virtual.PIN })
	got = w.reason(w.Origin)
	r.Check(got == "ok" && pin.Tries() == before+2, "the next login with the right PIN", "%s, %d PINs sent", got, pin.Tries()-before-1)
	return nil
}
