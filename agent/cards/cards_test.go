package cards

import (
	"context"
	"log/slog"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/fakes"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// holding is a pool whose last reading is held, whatever the cards are now.
type holding struct {
	*fakes.Pool
	held pkcs11.Snapshot
}

func (h holding) Current(context.Context) (pkcs11.Snapshot, error) { return h.held, nil }

// A held reading lets a login begin; where it would refuse one, or ask for a card
// that is in a reader, the cards are read anew, once.
func TestHeldReadingRefusesNothing(t *testing.T) {
	unknown, none := fakes.EmptySlot, pkcs11.Snapshot{Slots: []pkcs11.Slot{fakes.EmptySlot}}
	unknown.Unrecognized = true
	for name, c := range map[string]struct {
		held    func(now pkcs11.Snapshot) pkcs11.Snapshot
		present bool // what PC/SC says
		reads   int
	}{
		"fits":                   {func(now pkcs11.Snapshot) pkcs11.Snapshot { return now }, true, 0},
		"a card that is unknown": {func(pkcs11.Snapshot) pkcs11.Snapshot { return pkcs11.Snapshot{Slots: []pkcs11.Slot{unknown}} }, true, 1},
		"no certificate fits": {func(now pkcs11.Snapshot) pkcs11.Snapshot {
			expired := now.Certificates[0]
			expired.Reason = pkcs11.Expired
			return pkcs11.Snapshot{Slots: now.Slots, Certificates: []pkcs11.Certificate{expired}}
		}, true, 1},
		"no card, though one is in the reader": {func(pkcs11.Snapshot) pkcs11.Snapshot { return none }, true, 1},
		"no card":                              {func(pkcs11.Snapshot) pkcs11.Snapshot { return none }, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			pool, _ := fakes.OneCard(t)
			cards := New(Options{Pool: holding{pool, c.held(pool.Cards)}, Logger: slog.New(slog.DiscardHandler)})
			event := fakes.Empty(1)
			if c.present {
				event = fakes.Present(1)
			}
			cards.readers.observe(event)
			s, err := cards.Current(t.Context())
			if err != nil || len(Fitting(s)) > 0 != c.present || pool.Reads() != c.reads {
				t.Errorf("%d fit, %d readings, %v", len(Fitting(s)), pool.Reads(), err)
			}
		})
	}
}

// The card session ends with its card, whether PC/SC or a reading notices it first,
// and with no other.
func TestCardSessionEndsWithItsCard(t *testing.T) {
	for name, c := range map[string]struct {
		session func(id string) string
		leaves  func(c *Cards, pool *fakes.Pool)
		ended   int
	}{
		"PC/SC first": {func(id string) string { return id }, func(c *Cards, _ *fakes.Pool) { c.event(ended(), fakes.Empty(2)) }, 1},
		"a reading first": {func(id string) string { return id }, func(c *Cards, pool *fakes.Pool) {
			pool.Set(pkcs11.Snapshot{Slots: []pkcs11.Slot{fakes.EmptySlot}})
			_, _ = c.Current(context.Background())
			c.event(ended(), fakes.Empty(2))
		}, 1},
		"another card's": {func(string) string { return "other" }, func(c *Cards, _ *fakes.Pool) { c.event(ended(), fakes.Empty(2)) }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			pool, _ := fakes.OneCard(t)
			pool.Session = c.session(pool.Cards.Certificates[0].ID)
			n := 0
			cards := New(Options{Pool: pool, Logger: slog.New(slog.DiscardHandler), SessionCardRemoved: func() { n++ }})
			cards.readers.observe(fakes.Present(1))
			if _, err := cards.Current(t.Context()); err != nil {
				t.Fatal(err)
			}
			c.leaves(cards, pool)
			if n != c.ended {
				t.Errorf("ended %d times, want %d", n, c.ended)
			}
		})
	}
}

// ended is a context that wants no reading in the background.
func ended() context.Context {
	ctx, end := context.WithCancel(context.Background())
	end()
	return ctx
}
