package vcard_test

import (
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/vcard"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
)

// Modules compare an answer to reset octet by octet, and readers check it: each card's
// has the length and the check byte that ISO/IEC 7816-3, 8.2, asks for, and states the
// protocol that the card speaks.
func TestATR(t *testing.T) {
	pki, err := demopki.New(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	cards := map[string]vcard.Card{"badge": vcard.NewBadge()}
	options := []virtual.CardOptions{{Type: virtual.CPS3, Contactless: true}}
	for _, kind := range virtual.Types() {
		options = append(options, virtual.CardOptions{Type: kind})
	}
	for _, o := range options {
		name := o.Type
		if o.Contactless {
			name += ", contactless"
		}
		if cards[name], err = virtual.NewCard(pki.Intermediate, o); err != nil {
			t.Fatal(err)
		}
	}
	for name, card := range cards {
		protocol, problem := readATR(card.ATR())
		if problem != "" {
			t.Errorf("%s, %X: %s", name, card.ATR(), problem)
		} else if protocol != card.Protocol() {
			t.Errorf("%s, %X: T=%d, and the card speaks T=%d", name, card.ATR(), protocol, card.Protocol())
		}
	}
}

// readATR returns the last protocol that an answer to reset offers, and what is wrong
// with it.
func readATR(atr []byte) (protocol int, problem string) {
	if len(atr) < 2 || atr[0] != 0x3B && atr[0] != 0x3F {
		return 0, "neither convention"
	}
	historical, more, at := int(atr[1]&0x0F), atr[1]>>4, 2
	checked := false
	for more != 0 {
		for _, bit := range []byte{1, 2, 4} { // TA, TB, TC
			if more&bit != 0 {
				at++
			}
		}
		if more&8 == 0 {
			break
		}
		if at >= len(atr) {
			return 0, "too short"
		}
		protocol, more = int(atr[at]&0x0F), atr[at]>>4
		checked = checked || protocol != 0
		at++
	}
	want := at + historical
	if checked {
		want++
	}
	if len(atr) != want {
		return 0, "another length than it states"
	}
	sum := byte(0)
	for _, b := range atr[1:] {
		sum ^= b
	}
	if checked && sum != 0 {
		return 0, "its check byte does not come out"
	}
	return protocol, ""
}
