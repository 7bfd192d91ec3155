package cards

import (
	"testing"

	"github.com/cpx-bridge/cpx-bridge/pkcs11"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

const longName = "HID Global OMNIKEY 3x21 Smart Card Reader [OMNIKEY 3x21 Smart Card Reader] 0"

// Readers whose names are cut to the same description are counted once each, and a
// card that leaves one is noticed.
func TestTwinReaders(t *testing.T) {
	cut := longName[:61] + "..."
	a, b := longName+"0 00", longName+"1 00"
	one := pkcs11.Snapshot{Slots: []pkcs11.Slot{
		{ID: 0, Description: cut, Hardware: true, Token: &pkcs11.Token{}}, {ID: 1, Description: cut, Hardware: true},
	}}
	one.Certificates = []pkcs11.Certificate{{ID: "x", Slot: one.Slots[0]}}
	both := pkcs11.Snapshot{Slots: []pkcs11.Slot{one.Slots[0], {ID: 1, Description: cut, Hardware: true, Token: &pkcs11.Token{}}}}
	both.Certificates = []pkcs11.Certificate{one.Certificates[0], {ID: "y", Slot: both.Slots[1]}}
	for name, c := range map[string]struct {
		read     pkcs11.Snapshot
		events   []pcsc.Event
		count    int
		remain   int // certificates that are still there
		arriving bool
	}{
		"one card":         {one, []pcsc.Event{{Readers: []pcsc.Reader{{Name: a, Present: true}, {Name: b}}}}, 2, 1, false},
		"one card, remain": {one, []pcsc.Event{{Readers: []pcsc.Reader{{Name: a, Present: true}, {Name: b}}}, {Readers: []pcsc.Reader{{Name: a, Count: 1}, {Name: b}}}}, 2, 0, false},
		"swapped":          {one, []pcsc.Event{{Readers: []pcsc.Reader{{Name: a, Present: true}, {Name: b}}}, {Readers: []pcsc.Reader{{Name: a, Present: true, Count: 2}, {Name: b}}}}, 2, 0, true},
		"another comes":    {one, []pcsc.Event{{Readers: []pcsc.Reader{{Name: a, Present: true}, {Name: b, Present: true}}}}, 2, 1, true},
		"two cards":        {both, []pcsc.Event{{Readers: []pcsc.Reader{{Name: a, Present: true}, {Name: b, Present: true}}}}, 2, 2, false},
		"both leave":       {both, []pcsc.Event{{Readers: []pcsc.Reader{{Name: a, Present: true}, {Name: b, Present: true}}}, {Readers: []pcsc.Reader{{Name: a}, {Name: b}}}}, 2, 0, false},
		"unplugged":        {one, []pcsc.Event{{Readers: []pcsc.Reader{{Name: a, Present: true}, {Name: b}}}, {}}, 0, 0, false},
	} {
		var r readers
		for _, e := range c.events {
			r.observe(e)
		}
		read := c.read
		if len(c.events[len(c.events)-1].Readers) == 0 {
			read.Slots = read.Slots[:1] // the other slot goes on being named, and holds nothing
		}
		now, arriving := r.without(read)
		if count := r.count(now); count != c.count || len(now.Certificates) != c.remain || arriving != c.arriving {
			t.Errorf("%s: %d readers, %d certificates, arriving %v", name, count, len(now.Certificates), arriving)
		}
	}
}

// A reader with a long name whose slot the module shortens in its own way is one
// reader, and when it was unplugged its slot is not taken for another one's.
func TestShortenedReader(t *testing.T) {
	slot := pkcs11.Slot{Description: "HID OMNIKEY 00 00", Hardware: true, Token: &pkcs11.Token{}}
	read := pkcs11.Snapshot{Slots: []pkcs11.Slot{slot}}
	var r readers
	r.observe(pcsc.Event{Readers: []pcsc.Reader{{Name: longName + "0 00", Present: true}}})
	if n, followed := r.count(read), r.followed(read); n != 1 || !followed {
		t.Errorf("%d readers, followed %v", n, followed)
	}
	r.observe(pcsc.Event{})
	if now, _ := r.without(read); now.Slots[0].Token != nil {
		t.Error("the card is still there although its reader was unplugged")
	}
}
