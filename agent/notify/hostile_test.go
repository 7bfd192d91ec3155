package notify

import (
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/badcerts"
)

func TestHostileNames(t *testing.T) {
	for name, hostile := range badcerts.Hostile() {
		if what := badcerts.Hides(safe("x " + hostile + " y")); what != "" {
			t.Errorf("%s: %s", name, what)
		}
	}
}
