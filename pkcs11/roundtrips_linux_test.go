package pkcs11

import (
	"context"
	"io"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/democard"
)

// countedFrames counts what is written to a module's process: a write for each frame.
type countedFrames struct {
	io.Writer
	n *atomic.Int64
}

func (c countedFrames) Write(frame []byte) (int, error) {
	c.n.Add(1)
	return c.Writer.Write(frame)
}

// counted is a pool on the real module in its own process, and the number of its round
// trips so far.
func counted(t testing.TB) (*Pool, func() int64) {
	t.Helper()
	var n atomic.Int64
	p, err := open(t.Context(), Options{Modules: []string{softHSM}}, func(path string) (driver, error) {
		d, err := startModule(context.Background(), path, "", DefaultLimits())
		if r, is := d.(*moduleProcess); is {
			r.pipe.w = countedFrames{r.pipe.w, &n}
		}
		return d, err
	})
	if err != nil {
		t.Fatal(err)
	}
	withoutPCSC(p)
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p, n.Load
}

// signed makes one signature as a login does, and returns its round trips.
func signed(t *testing.T, p *Pool, trips func() int64, r Request) int64 {
	t.Helper()
	before := trips()
	if _, err := p.Current(t.Context()); err != nil {
		t.Fatal(err)
	}
	s, err := p.Sign(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	verify(t, s)
	return trips() - before
}

// TestRoundTrips: what a login costs in round trips to the module's process, with a card
// of which PC/SC says nothing: it is read before the PIN, and once more after it.
func TestRoundTrips(t *testing.T) {
	p, trips := counted(t)
	for card, want := range map[string]int64{
		"cps":    8, // a reading; a session; the reading again, and that the session stands; C_Login; the keys; what the key is for; the signature; the end
		"cps-ec": 9, // its private keys say nothing of themselves, the public ones are searched too
	} {
		r := request(authentication(t, p, card), democard.PIN, nil)
		r.JustRead = true
		if got := signed(t, p, trips, r); got != want {
			t.Errorf("%s: %d round trips, want %d", card, got, want)
		}
	}
}

// TestRepeatedReadingSeesAnotherCard: the reading after the PIN, which is the last one
// repeated, does not take a token that was made anew with the same serial number meanwhile
// for the one that the person was asked about, and no PIN goes to it.
func TestRepeatedReadingSeesAnotherCard(t *testing.T) {
	p, _ := counted(t)
	r := request(authentication(t, p, "cps-2"), "", nil)
	r.JustRead = true
	var steps []Step
	r.Step = func(_ context.Context, s Step) error { steps = append(steps, s); return nil }
	r.PIN = func(context.Context, PINRequest) ([]byte, error) {
		renew(t, "cps-2")
		return []byte(democard.PIN), nil
	}
	_, err := p.Sign(t.Context(), r)
	mustBe(t, err, ErrCardChanged)
	if slices.Contains(steps, StepLoginBegun) {
		t.Error("the PIN went to the card")
	}
}

// TestRoundTripsOfACardSession: that the session stands, before the person is asked and
// after that; the signature.
func TestRoundTripsOfACardSession(t *testing.T) {
	p, trips := counted(t)
	r := request(authentication(t, p, "cps"), democard.PIN, nil)
	r.OpenCardSession = true
	signed(t, p, trips, r)
	r = request(authentication(t, p, "cps"), "", nil)
	r.UseCardSession = true
	signed(t, p, trips, r)
	if got := signed(t, p, trips, r); got != 3 {
		t.Errorf("%d round trips", got)
	}
}

// TestUnchangedReading: a reading that nothing changed costs one round trip and gives
// what the last one gave; one whose card was renewed meanwhile shows the new certificate,
// and so does one where only the PIN's state differs.
func TestUnchangedReading(t *testing.T) {
	p, trips := counted(t)
	c := authentication(t, p, "cpf")
	before := trips()
	second := authentication(t, p, "cpf")
	if n := trips() - before; n != 1 || second.ID != c.ID || second.X509 != c.X509 {
		t.Errorf("%d round trips, %s and then %s", n, c.ID, second.ID)
	}
	wrong := request(second, "9999", nil)
	if _, err := p.Sign(t.Context(), wrong); err == nil {
		t.Fatal("signed with a wrong PIN")
	}
	if now := authentication(t, p, "cpf"); !now.Slot.Token.PINCountLow {
		t.Error("the wrong PIN is not to be seen")
	}
	renew(t, "cpf")
	if now := authentication(t, p, "cpf"); now.ID == c.ID {
		t.Error("the renewed card shows its old certificate")
	}
}

// TestAheadIsOfTheMoment: what came with another answer is not what a module says later.
func TestAheadIsOfTheMoment(t *testing.T) {
	var a ahead
	slot := call{Op: "C_GetSlotInfo", Slot: 1}
	a.expect(nil, call{Op: "C_GetTokenInfo", Slot: 1}, call{Op: "C_GetSessionInfo", Session: 5})
	slot.Then, _ = a.next(slot)
	a.store(slot, &reply{Then: []reply{{}, {Value: 3}, {Value: 4}}}, nil)
	if _, _, known := a.answer(call{Op: "C_GetSessionInfo", Session: 6}); known {
		t.Error("another session's state")
	}
	if _, _, known := a.answer(call{Op: "C_GetSessionInfo", Session: 5}); known {
		t.Error("a state from before another call")
	}
	a.store(slot, &reply{Then: []reply{{}, {Value: 3}}}, nil)
	if got, _, known := a.answer(call{Op: "C_GetSessionInfo", Session: 5}); !known || got.Value != 3 {
		t.Errorf("%+v, %t", got, known)
	}
	if _, _, known := a.answer(call{Op: "C_GetSessionInfo", Session: 5}); known {
		t.Error("twice")
	}
	a.expect([]byte("data"), call{Op: "C_Sign"})
	if then, last := a.next(call{Op: "C_Login"}); then != nil || last != nil {
		t.Errorf("C_Login goes with %v", then)
	}
}

// TestTogetherInTime: a process that has no time left for what may be left leaves it.
func TestTogetherInTime(t *testing.T) {
	c := &child{module: &oneObject{value: []byte("TEST")}, slots: nil, loggedIn: nil}
	find := call{Op: "C_FindObjects", Types: []uint{0x11}, Template: []wireAttr{{0, []byte{1}}}, Then: []call{{Op: "C_GetInfo"}}}
	overdue, _ := c.together(find, nil, time.Now().Add(-time.Second))
	if len(overdue.IDs) != 1 || len(overdue.Objects) != 0 || len(overdue.Then) != 0 {
		t.Errorf("%+v", overdue)
	}
	whole, _ := c.together(find, nil, time.Now().Add(time.Hour))
	if len(whole.Objects) != 1 || string(whole.Objects[0][0].Values[0]) != "TEST" || len(whole.Then) != 1 {
		t.Errorf("%+v", whole)
	}
}
