package pkcs11

import (
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/vcard"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/vreader"
)

// A card in a reader with a long name is locked after a login, and what was read of
// it holds: the module cuts the name, also within a letter.
func TestVirtualLongName(t *testing.T) {
	for name, reader := range map[string]string{
		"80 octets": omnikey, "74 octets": generic, "65 octets": strings.Repeat("r", 65),
		"cut within a letter":               strings.Repeat("x", 60) + "é et la suite",
		"cut within a letter of 4 octets":   strings.Repeat("x", 58) + "😀 et la suite",
		"the longest":                       strings.Repeat("Lecteur ", 15) + "0000000",
		"cut at a blank":                    strings.Repeat("x", 59) + "   and then more",
		"64 octets, which the module keeps": strings.Repeat("r", 64),
	} {
		t.Run(name, func(t *testing.T) {
			card := newCard(t, virtual.CardOptions{})
			p, d := station(t, card, virtual.StationOptions{Reader: reader})
			watch(t, p)
			c := usable(t, p)
			got, err := p.Sign(t.Context(), request(c, virtual.PIN, nil))
			if err != nil {
				t.Fatal(err)
			}
			verify(t, got)
			if card.PIN().Verified() {
				t.Error("the card is still open after the signature")
			}
			if p.holding(p.modules[0]) == nil {
				t.Errorf("the reading does not hold: slot %q", c.Slot.Description)
			}
			d.Remove()
			if s := current(t, p); len(s.Certificates) != 0 {
				t.Error("the removal is not noticed")
			}
		})
	}
}

// showPIN shows the card its PIN, as another program does.
func showPIN(t *testing.T, r *vreader.Reader, card vcard.Card) {
	t.Helper()
	for _, command := range [][]byte{
		{0x00, 0xA4, 0x04, 0x00, 9, 0xA0, 0, 0, 3, 8, 0, 0, 0x10, 0},
		{0x00, 0x20, 0x00, 0x80, 8, '1', '2', '3', '4', 0xFF, 0xFF, 0xFF, 0xFF},
	} {
		r.Transmit(command)
	}
	if !card.PIN().Verified() {
		t.Fatal("the card does not take its PIN")
	}
}

// Of readers that nothing tells apart, no card stays open after a login; where a card
// tells them apart, what another program opened elsewhere is let alone.
func TestVirtualTwins(t *testing.T) {
	for name, c := range map[string]struct {
		in      []bool // whether there is a card in each reader
		certain bool
	}{
		"the first alone":    {[]bool{true, false}, true},
		"the second alone":   {[]bool{false, true}, true},
		"both":               {[]bool{true, true}, false},
		"the third of three": {[]bool{false, false, true}, true},
		"two of three":       {[]bool{true, false, true}, false},
		"three":              {[]bool{true, true, true}, false},
	} {
		t.Run(name, func(t *testing.T) {
			var cards []vcard.Card
			var mine vcard.Card
			aside := newCard(t, virtual.CardOptions{Type: virtual.PIVP256, Holder: demopki.NewHolder("CPS", 9), Serial: "00000009"})
			p, d := station(t, nil, virtual.StationOptions{Reader: "Another reader 00 00"})
			for i, in := range c.in {
				r, err := d.Service().Plug(twin(i), vreader.ReaderOptions{})
				if err != nil {
					t.Fatal(err)
				}
				if in {
					card := newCard(t, virtual.CardOptions{Type: virtual.PIVP256, Holder: demopki.NewHolder("CPS", i+1), Serial: "0000000" + string(rune('1'+i))})
					r.Insert(card)
					cards, mine = append(cards, card), card
				}
			}
			d.Reader().Insert(aside)
			watch(t, p)
			s, err := p.List(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if len(s.Certificates) == 0 || mine == nil {
				t.Fatalf("no certificate: %+v", s)
			}
			showPIN(t, d.Reader(), aside)
			if holds := p.holding(p.modules[0]) != nil; holds != c.certain {
				t.Errorf("the reading holds: %v", holds)
			}
			logins := 0
			for _, x := range s.Certificates {
				if x.Reason != Usable || strings.HasPrefix(x.Slot.Description, "Another") {
					continue
				}
				logins++
				got, err := p.Sign(t.Context(), request(x, virtual.PIN, nil))
				if err != nil {
					t.Fatal(err)
				}
				verify(t, got)
				for i, card := range cards {
					if card.PIN().Verified() {
						t.Errorf("after a login with %q, card %d is open", x.Slot.Description, i)
					}
				}
			}
			if logins != len(cards) {
				t.Errorf("%d logins, %d cards", logins, len(cards))
			}
			if !aside.PIN().Verified() {
				t.Error("a card in a reader that cannot be the one was reset")
			}
		})
	}
}

// A module's process that ends resets the card that it had logged in to.
func TestVirtualLongNameProcessEnds(t *testing.T) {
	card := newCard(t, virtual.CardOptions{})
	p, _ := station(t, card, virtual.StationOptions{Reader: omnikey})
	r := request(usable(t, p), virtual.PIN, nil)
	r.OpenCardSession = true
	if _, err := p.Sign(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if !card.PIN().Verified() {
		t.Fatal("the card session is not open")
	}
	d := p.modules[0].driver.(*moduleProcess)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if card.PIN().Verified() {
		t.Error("the card is open although its module's process has ended")
	}
}
