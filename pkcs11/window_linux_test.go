package pkcs11

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// observedStation is a virtual CPS3 that OpenSC has read, and a pool that knows that
// nothing has happened since.
func observedStation(t *testing.T) (*Pool, *virtual.Station, Certificate) {
	t.Helper()
	p, d := station(t, newCard(t, virtual.CardOptions{}), virtual.StationOptions{})
	p.triesAfter = time.Hour
	observe(t, p)
	return p, d, usable(t, p)
}

// What people and other programs do while the PIN window stands, through the real
// OpenSC.
func TestVirtualWhileThePersonTypes(t *testing.T) {
	restart := func(t *testing.T, p *Pool, d *virtual.Station) {
		t.Helper()
		if err := d.Stop(); err != nil {
			t.Fatal(err)
		}
		p.Observe(pcsc.Event{Err: pcsc.ErrNoService})
		if err := d.Start(); err != nil {
			t.Fatal(err)
		}
		readers, err := pcsc.Readers(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		p.Observe(pcsc.Event{Readers: readers, Restarted: true})
	}
	for name, c := range map[string]struct {
		happens func(t *testing.T, p *Pool, d *virtual.Station)
		want    error
		anew    bool // the card is read once more
	}{
		"nothing": {happens: func(*testing.T, *Pool, *virtual.Station) {}},
		"another program resets the card": {happens: func(t *testing.T, _ *Pool, _ *virtual.Station) {
			if err := pcsc.ResetCard(virtual.ReaderName); err != nil {
				t.Fatal(err)
			}
		}},
		"another program shows the card its PIN": {happens: func(t *testing.T, _ *Pool, d *virtual.Station) {
			leastLogin(t, d)
		}},
		"the card out": {func(_ *testing.T, _ *Pool, d *virtual.Station) { d.Remove() }, ErrCardRemoved, true},
		"the card out and in": {func(_ *testing.T, _ *Pool, d *virtual.Station) {
			d.Remove()
			d.Insert()
		}, ErrCardRemoved, true},
		"the card out and in, and heard of": {func(t *testing.T, p *Pool, d *virtual.Station) {
			d.Remove()
			observe(t, p)
			d.Insert()
			observe(t, p)
		}, ErrCardRemoved, true},
		"another card": {func(t *testing.T, _ *Pool, d *virtual.Station) {
			d.Put(newCard(t, virtual.CardOptions{Holder: demopki.NewHolder("CPS", 2), Serial: "00000002"}))
		}, ErrCardChanged, true},
		"the reader out and in": {func(t *testing.T, p *Pool, d *virtual.Station) {
			d.Unplug()
			observe(t, p)
			if err := d.Plug(); err != nil {
				t.Fatal(err)
			}
			observe(t, p)
		}, ErrCardRemoved, true},
		"the service ended and started": {happens: restart, anew: true},
		"the service ended and started, and the modules with it": {happens: func(t *testing.T, p *Pool, d *virtual.Station) {
			restart(t, p, d)
			if err := p.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
		}, anew: true},
		"the service away": {happens: func(t *testing.T, p *Pool, d *virtual.Station) {
			if err := d.Stop(); err != nil {
				t.Fatal(err)
			}
			p.Observe(pcsc.Event{Err: pcsc.ErrNoService})
		}, want: ErrCardRemoved},
		"the module's process killed": {happens: func(t *testing.T, p *Pool, _ *virtual.Station) {
			process := p.modules[0].driver.(*moduleProcess)
			if err := process.cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			<-process.ended
		}, anew: true},
	} {
		t.Run(name, func(t *testing.T) {
			p, d, chosen := observedStation(t)
			first, other := d.Card(), 0
			costs := newPhases(d)
			r := request(chosen, "", nil)
			r.PIN = func(context.Context, PINRequest) ([]byte, error) {
				costs.mark(clickToPIN)
				c.happens(t, p, d)
				other = first.PIN().Tries()
				costs.begun = d.APDUs()
				return []byte(virtual.PIN), nil
			}
			s, err := p.Sign(t.Context(), r)
			costs.mark(signAndEnd)
			tries := first.PIN().Tries() - other
			if d.Card() != first {
				tries += d.Card().PIN().Tries()
			}
			wanted := 0
			if c.want != nil {
				mustBe(t, err, c.want)
			} else if err != nil {
				t.Fatal(err)
			} else {
				verify(t, s)
				wanted = 1
			}
			if tries != wanted {
				t.Errorf("%d tries, want %d", tries, wanted)
			}
			if costs.costs[clickToPIN] != 0 || c.want == nil && costs.costs[signAndEnd] > 32 != c.anew {
				t.Errorf("%v APDUs", costs.costs)
			}
			if d.Card().PIN().Verified() {
				t.Error("the card is still open")
			}
		})
	}
}

// Either of the two alone keeps the PIN from another card: the session that was
// opened before the person was asked, and the count of insertions.
func TestVirtualSwapWithoutTheCount(t *testing.T) {
	p, d, chosen := observedStation(t)
	before, err := pcsc.State(virtual.ReaderName)
	if err != nil {
		t.Fatal(err)
	}
	p.readerState = func(string) (pcsc.Reader, error) { return before, nil } // a service that does not count
	other := newCard(t, virtual.CardOptions{Holder: demopki.NewHolder("CPS", 2), Serial: "00000002"})
	r := request(chosen, "", nil)
	r.PIN = func(context.Context, PINRequest) ([]byte, error) { d.Put(other); return []byte(virtual.PIN), nil }
	apdus := d.APDUs()
	_, err = p.Sign(t.Context(), r)
	t.Logf("%v, %d APDUs", err, d.APDUs()-apdus)
	if !errors.Is(err, ErrCardRemoved) && !errors.Is(err, ErrCardChanged) || other.PIN().Tries() != 0 {
		t.Errorf("%v, the other card saw %d tries", err, other.PIN().Tries())
	}
}

// What is shown before the PIN is typed is what the card says then.
func TestVirtualTries(t *testing.T) {
	p, d, chosen := observedStation(t)
	p.triesAfter = time.Nanosecond
	d.Card().PIN().SetTriesLeft(1) // another program's wrong PINs
	person := &dialog{answers: []PINFunc{stands, types(virtual.PIN)}}
	r := request(chosen, "", nil)
	r.PIN = person.ask
	s, err := p.Sign(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	verify(t, s)
	if len(person.asked) != 2 || person.asked[0].PINFinalTry || !person.asked[1].PINFinalTry || d.Card().PIN().Tries() != 1 {
		t.Errorf("asked %+v, %d tries", person.asked, d.Card().PIN().Tries())
	}
	d.Card().PIN().SetTriesLeft(0)
	chosen = usable(t, p)
	if !chosen.Slot.Token.PINLocked {
		t.Fatalf("%+v", chosen.Slot.Token)
	}
	d.Card().PIN().SetTriesLeft(3)
	if _, err := p.Sign(t.Context(), request(chosen, virtual.PIN, nil)); err != nil {
		t.Errorf("unlocked since it was read: %v", err)
	}
}

// The module's process killed, or the service restarted, between the reading and
// the click: the card is read once more, and signs.
func TestVirtualBetweenReadingAndClick(t *testing.T) {
	for name, happens := range map[string]func(t *testing.T, p *Pool, d *virtual.Station){
		"killed": func(t *testing.T, p *Pool, _ *virtual.Station) {
			process := p.modules[0].driver.(*moduleProcess)
			if err := process.cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			<-process.ended
		},
		"restarted": func(t *testing.T, p *Pool, d *virtual.Station) {
			if err := errors.Join(d.Stop(), d.Start()); err != nil {
				t.Fatal(err)
			}
			p.Observe(pcsc.Event{Err: pcsc.ErrNoService})
			observe(t, p)
		},
	} {
		t.Run(name, func(t *testing.T) {
			p, d, chosen := observedStation(t)
			happens(t, p, d)
			apdus := d.APDUs()
			s, err := p.Sign(t.Context(), request(chosen, virtual.PIN, nil))
			if err != nil {
				t.Fatal(err)
			}
			verify(t, s)
			if d.APDUs()-apdus < 32 || d.Card().PIN().Tries() != 1 {
				t.Errorf("%d APDUs, %d tries", d.APDUs()-apdus, d.Card().PIN().Tries())
			}
		})
	}
}

// A service that was restarted a moment ago, of which nothing was heard yet: an
// error of that login, which costs no try, and the next one works.
func TestVirtualServiceRestartsUnheard(t *testing.T) {
	p, d, chosen := observedStation(t)
	if err := errors.Join(d.Stop(), d.Start()); err != nil {
		t.Fatal(err)
	}
	if s, err := p.Sign(t.Context(), request(chosen, virtual.PIN, nil)); err == nil {
		verify(t, s)
	} else if !errors.Is(err, ErrModuleFailed) && !errors.Is(err, ErrCardRemoved) || d.Card().PIN().Tries() != 0 {
		t.Errorf("%v, %d tries", err, d.Card().PIN().Tries())
	}
	s, err := p.Sign(t.Context(), request(chosen, virtual.PIN, nil))
	if err != nil {
		t.Fatal(err)
	}
	verify(t, s)
}
