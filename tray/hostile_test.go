package tray

import (
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/badcerts"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

// TestHostileNames: the menu's entries hide nothing, and stay short.
func TestHostileNames(t *testing.T) {
	for name, hostile := range badcerts.Hostile() {
		c := state.Certificate{ID: strings.Repeat("a", 64), Holder: hostile, Profession: hostile, Kind: hostile, Usable: true}
		label := title(c, "fr", texts.In("fr"))
		if what := badcerts.Hides(label); what != "" || strings.Contains(label, "\n") || len([]rune(label)) > 300 {
			t.Errorf("%s: %s in %q", name, what, label)
		}
	}
}
