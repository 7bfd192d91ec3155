package revocation

import (
	"errors"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
)

// TestGoodAndRevoked: a chain is good where neither list has one of its certificates; the
// card's and its issuer's are both looked up.
func TestGoodAndRevoked(t *testing.T) {
	w := newWorld(t)
	chain := w.card()
	if err := w.checker().Check(t.Context(), chain, w.now); err != nil {
		t.Fatal(err)
	}
	for depth, by := range []struct {
		path string
		list []byte
	}{{"/ca.crl", w.list(w.pki.Intermediate, listOf(chain[0]))}, {"/root.crl", w.list(w.pki.Root, listOf(chain[1]))}} {
		w := newWorldOf(w)
		w.set(by.path, body(by.list))
		err := w.checker().Check(t.Context(), chain, w.now)
		var said *RevokedError
		if !errors.Is(err, authtoken.ErrRevoked) || !errors.As(err, &said) || said.Depth != depth || said.Code != 1 || said.Address != w.at(by.path) {
			t.Errorf("depth %d: %v", depth, err)
		}
	}
}
