package virtual_test

import (
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/vcard"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
)

// The vendor's module keeps certificates under a card's number, and would serve
// another card's: new keys mean a new number, on whatever type of card.
func TestSerialIsOfTheKeys(t *testing.T) {
	pki, err := demopki.New(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range virtual.Types() {
		seen := map[string]bool{}
		for range 2 {
			card, err := virtual.NewCard(pki.Intermediate, virtual.CardOptions{Type: kind})
			if err != nil {
				t.Fatal(err)
			}
			serial := vcard.Serial(card)
			if len(serial) != 8 || seen[serial] {
				t.Errorf("%s: serial %q, after %v", kind, serial, seen)
			}
			card.Reset() // as taken out and put back
			if after := vcard.Serial(card); after != serial {
				t.Errorf("%s: %s becomes %s", kind, serial, after)
			}
			seen[serial] = true
		}
	}
}
