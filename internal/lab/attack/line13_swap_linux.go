package attack

import (
	"context"
	"fmt"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
)

func line13() []Attack {
	return []Attack{{Line: 13, Title: "the card is another, or gone, when the PIN has been typed", Short: true, Empty: true, Play: swap}}
}

// swap has the person type the PIN of their own card while another card is in the
// reader: it must not see it, nor may its signature pass.
func swap(w *World, r *Record) error {
	s, err := w.OpenWithReader(stack.Options{}, virtual.CardOptions{})
	if err != nil {
		return err
	}
	mine := s.Card()
	other, err := virtual.NewCard(s.pki.Intermediate, virtual.CardOptions{Holder: demopki.NewHolder("CPS", 2)})
	if err != nil {
		return err
	}
	twin, err := virtual.NewCard(s.pki.Intermediate, virtual.CardOptions{}) // of the same person, with other keys
	if err != nil {
		return err
	}
	if got := w.reason(w.Origin); got != "ok" {
		return fmt.Errorf("the login before: %s", got)
	}
	for _, c := range []struct {
		what string
		do   func()
	}{
		{"another person's card put in while the PIN is typed", func() { s.Put(other) }},
		{"the person's second card put in while the PIN is typed", func() { s.Put(twin) }},
		{"the card taken out while the PIN is typed", s.Remove},
		{"the card taken out and another put in, one after the other", func() { s.Remove(); s.Put(other) }},
	} {
		before := mine.PIN().Tries() + other.PIN().Tries() + twin.PIN().Tries()
		// The agent may end the login, and withdraw the dialog, before the card that comes next
		// is in the reader.
		done := make(chan struct{})
		s.types(func() string {
			defer close(done)
			c.do()
			return virtual.PIN
		})
		got := w.reason(w.Origin)
		select {
		case <-done:
		case <-w.Context.Done():
			return fmt.Errorf("%s: %w", c.what, context.Cause(w.Context))
		}
		spent := mine.PIN().Tries() + other.PIN().Tries() + twin.PIN().Tries() - before
		r.Check((got == "card_removed" || got == "card_changed") && spent == 0, c.what, "%s, %d PINs sent", got, spent)
		s.Put(mine)
		s.types(func() string { return virtual.PIN })
		after, logins := w.settledReason(w.Origin)
		r.Check(after == "ok", "the next login", "%s, of %d", after, logins)
	}
	return nil
}

// settledReason is how the first login ended whose card did not change. The agent may hear of
// the card that was put back only when a login has begun, which it then ends.
func (w *World) settledReason(origin string) (reason string, logins int) {
	for logins = 1; ; logins++ {
		reason = w.reason(origin)
		if (reason != "card_removed" && reason != "card_changed") || logins == 3 {
			return reason, logins
		}
	}
}
