package agent

import (
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/cards"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/fakes"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// TestChoiceIsWatched: what another program chooses is seen at once.
func TestChoiceIsWatched(t *testing.T) {
	one, _ := fakes.Certificate(t, 1)
	two, _ := fakes.Certificate(t, 2)
	dir := t.TempDir() + "/state" // not there yet
	pool, person := fakes.OneCard(t)
	pool.Set(pkcs11.Snapshot{Slots: []pkcs11.Slot{one.Slot, two.Slot}, Certificates: []pkcs11.Certificate{one, two}})
	s := serve(t, setup{pool: pool, person: person, choice: cards.NewChoice(dir)})
	changes := s.Changes(t.Context())
	s.Report(t.Context(), false) // the first reading has ended
	for _, c := range []pkcs11.Certificate{two, one, two} {
		if err := cards.NewChoice(dir).Set(cards.ChosenOf(c)); err != nil { // as another process does
			t.Fatal(err)
		}
		waitFor(t, changes, func() bool { return chosen(s) == c.ID })
	}
	// The server's own choice is seen as well.
	if err := s.Use(one.ID); err != nil {
		t.Fatal(err)
	}
	waitFor(t, changes, func() bool { return chosen(s) == one.ID })
	if err := s.Use(strings.Repeat("x", 64)); err == nil {
		t.Error("what is no certificate was chosen")
	}
}

func chosen(s *Server) string {
	for _, c := range s.State().Certificates {
		if c.Chosen {
			return c.ID
		}
	}
	return ""
}

// waitFor reads the state at each change, as the menu does.
func waitFor(t *testing.T, changes <-chan struct{}, done func() bool) {
	t.Helper()
	limit := time.After(time.Minute)
	for {
		select {
		case <-changes:
			if done() {
				return
			}
		case <-limit:
			t.Fatal("no change was told")
		}
	}
}
