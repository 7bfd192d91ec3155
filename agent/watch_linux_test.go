package agent

import (
	"path/filepath"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/cards"
	"github.com/cpx-bridge/cpx-bridge/agent/sites"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/fakes"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// TestStateFolderWatched: those who show the state are woken by what another
// process writes there.
func TestStateFolderWatched(t *testing.T) {
	testdesktop.NewKeyring(t, "").Use()
	dir := filepath.Join(t.TempDir(), "state")
	elsewhere := sites.New(sites.Options{Dir: dir}) // another process's, as it were
	if _, err := elsewhere.Add(t.Context(), otherOrigin); err != nil {
		t.Fatal(err)
	}
	pool, person := fakes.OneCard(t)
	s := serve(t, setup{pool: pool, person: person, settings: "[origins]\nmode = \"ask\"\n", choice: cards.NewChoice(dir), sites: sites.New(sites.Options{Dir: dir})})
	changes := s.Changes(t.Context())
	await(t, s, changes, "what the start brings", func(s state.State) bool { return len(s.Sites) == 1 && len(s.Certificates) == 1 })
	if _, err := elsewhere.Forget(t.Context(), otherOrigin); err != nil {
		t.Fatal(err)
	}
	await(t, s, changes, "a site", func(s state.State) bool { return len(s.Sites) == 0 && s.SitesFailure == nil })
	c := s.State().Certificates[0]
	if err := cards.NewChoice(dir).Set(cards.Chosen{Certificate: c.ID}); err != nil {
		t.Fatal(err)
	}
	await(t, s, changes, "the choice", func(s state.State) bool { return s.Certificates[0].Chosen })
}
