package pkcs11

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	p11 "github.com/miekg/pkcs11"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/democard"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// service is a PC/SC service in whose readers SoftHSM's tokens are cards. Other
// than a real card's, a session on such a token outlives a change of the card: a
// module that cannot be trusted to notice one.
type service struct {
	pool *Pool

	mu      sync.Mutex
	readers []pcsc.Reader
	err     error
}

// observing is a pool that knows its tokens as cards in readers, all of them read.
func observing(t *testing.T) (*Pool, *faulty, *service) {
	t.Helper()
	p, f := pool(t)
	// SoftHSM remembers the wrong PIN of an earlier test until the right one.
	if _, err := p.Sign(t.Context(), request(authentication(t, p, "cps"), democard.PIN, nil)); err != nil {
		t.Fatal(err)
	}
	f.calls = nil
	s, err := p.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	pc := &service{pool: p}
	for _, slot := range s.Slots {
		pc.readers = append(pc.readers, pcsc.Reader{Name: slot.Description, Present: true, Count: 1})
	}
	p.readerState, p.cardIn, p.listReaders = pc.state, pc.card, pc.list
	p.awaitCard = func(context.Context, string) error { return nil }
	p.resetCard = func(string) error { return nil }
	p.triesAfter = time.Hour
	pc.publish()
	if _, err := p.List(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p, f, pc
}

func (s *service) state(description string) (pcsc.Reader, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.readers {
		if r.Name == description {
			return r, s.err
		}
	}
	return pcsc.Reader{}, errors.Join(pcsc.ErrUnknownReader, s.err)
}

func (s *service) card(reader string) (pcsc.Card, error) {
	r, err := s.state(reader)
	return pcsc.Card{Present: r.Present}, err
}

func (s *service) list() ([]pcsc.Reader, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.readers), s.err
}

// publish is the event of what there is now.
func (s *service) publish() {
	s.mu.Lock()
	readers := slices.Clone(s.readers)
	s.mu.Unlock()
	s.pool.Observe(pcsc.Event{Readers: readers})
}

// swap takes the card out of a reader and puts one in. Its event is still on its
// way.
func (s *service) swap(description string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.readers {
		if s.readers[i].Name == description {
			s.readers[i].Count += 2
		}
	}
}

// restart is the service ended and started anew, where it counts from the same
// number on.
func (s *service) restart() {
	s.pool.Observe(pcsc.Event{Err: pcsc.ErrNoService})
	s.mu.Lock()
	readers := slices.Clone(s.readers)
	s.mu.Unlock()
	s.pool.Observe(pcsc.Event{Readers: readers, Restarted: true})
}

// reads is how many tokens are read by what do does.
func reads(f *faulty, do func()) int {
	before := f.counted(&f.readings)
	do()
	return f.counted(&f.readings) - before
}

func current(t *testing.T, p *Pool) Snapshot {
	t.Helper()
	s, err := p.Current(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// What was read holds as long as nothing happened, and no longer.
func TestReadingHolds(t *testing.T) {
	for name, c := range map[string]struct {
		happens func(t *testing.T, p *Pool, f *faulty, pc *service)
		holds   bool
	}{
		"nothing":              {func(*testing.T, *Pool, *faulty, *service) {}, true},
		"the same event twice": {func(_ *testing.T, _ *Pool, _ *faulty, pc *service) { pc.publish() }, true},
		"a login": {func(t *testing.T, p *Pool, _ *faulty, _ *service) {
			if _, err := p.Sign(t.Context(), request(authenticationIn(t, current(t, p), "cps"), democard.PIN, nil)); err != nil {
				t.Fatal(err)
			}
		}, true},
		"a login that the person refuses": {func(t *testing.T, p *Pool, _ *faulty, _ *service) {
			r := request(authenticationIn(t, current(t, p), "cps"), "", nil)
			r.PIN = func(context.Context, PINRequest) ([]byte, error) { return nil, errRefused }
			_, err := p.Sign(t.Context(), r)
			mustBe(t, err, errRefused)
		}, true},
		"a short time passes": {func(_ *testing.T, p *Pool, _ *faulty, _ *service) {
			now, slept := p.now, p.slept
			p.now = func() time.Time { return now().Add(time.Hour) }
			p.slept = func() time.Duration { return slept() + shortSleep/2 }
		}, true},

		"a card came or went": {func(_ *testing.T, _ *Pool, _ *faulty, pc *service) {
			pc.swap(pc.readers[1].Name)
			pc.publish()
		}, false},
		"a card is gone": {func(_ *testing.T, _ *Pool, _ *faulty, pc *service) {
			pc.readers[1].Present = false
			pc.publish()
		}, false},
		"a reader came": {func(_ *testing.T, _ *Pool, _ *faulty, pc *service) {
			pc.readers = append(pc.readers, pcsc.Reader{Name: "another"})
			pc.publish()
		}, false},
		"a reader went, and came back as it was": {func(_ *testing.T, _ *Pool, _ *faulty, pc *service) {
			all := pc.readers
			pc.readers = all[1:]
			pc.publish()
			pc.readers = all
			pc.publish()
		}, false},
		"the watch was interrupted": {func(_ *testing.T, p *Pool, _ *faulty, pc *service) {
			p.Observe(pcsc.Event{Err: errors.New("some error")})
			pc.publish()
		}, false},
		"the service is away":       {func(_ *testing.T, p *Pool, _ *faulty, _ *service) { p.Observe(pcsc.Event{Err: pcsc.ErrNoService}) }, false},
		"the service was restarted": {func(_ *testing.T, _ *Pool, _ *faulty, pc *service) { pc.restart() }, false},
		"every reading was ended":   {func(_ *testing.T, p *Pool, _ *faulty, _ *service) { p.Expire() }, false},
		"every reading was ended, and the same event came": {func(_ *testing.T, p *Pool, _ *faulty, pc *service) {
			p.Expire()
			pc.publish()
		}, false},
		"the computer slept": {func(_ *testing.T, p *Pool, _ *faulty, _ *service) {
			slept := p.slept
			p.slept = func() time.Duration { return slept() + time.Minute }
		}, false},
		"the module's process ended": {func(t *testing.T, _ *Pool, f *faulty, _ *service) {
			process := f.driver.(*moduleProcess)
			if err := process.cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			<-process.ended
		}, false},
		"the modules were restarted": {func(t *testing.T, p *Pool, _ *faulty, _ *service) {
			if err := p.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
		}, false},
		"a signature failed": {func(t *testing.T, p *Pool, f *faulty, _ *service) {
			f.sign = func([]byte) ([]byte, error) { return nil, wrap("C_Sign", softHSM, p11.Error(p11.CKR_GENERAL_ERROR)) }
			_, err := p.Sign(t.Context(), request(authenticationIn(t, current(t, p), "cps"), democard.PIN, nil))
			mustBe(t, err, ErrModuleFailed)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			p, f, pc := observing(t)
			before := current(t, p)
			c.happens(t, p, f, pc)
			var now Snapshot
			n := reads(f, func() { now = current(t, p) })
			if (n == 0) != c.holds {
				t.Errorf("%d tokens were read", n)
			}
			if len(now.Slots) != len(before.Slots) || len(now.Certificates) != len(before.Certificates) {
				t.Errorf("%d slots, %d certificates; before %d and %d", len(now.Slots), len(now.Certificates), len(before.Slots), len(before.Certificates))
			}
		})
	}
}

var errRefused = errors.New("the person refused")

// authenticationIn is a card's certificate in a snapshot.
func authenticationIn(t *testing.T, s Snapshot, card string) Certificate {
	t.Helper()
	for _, c := range s.Certificates {
		if c.Slot.Token.Label == labelOf(t, card) && c.Reason != NotForAuthentication {
			return c
		}
	}
	t.Fatalf("no certificate of %s", card)
	return Certificate{}
}

// An event that comes while the cards are read makes that reading not hold: it may
// have seen what was before.
func TestEventDuringReading(t *testing.T) {
	p, f, pc := observing(t)
	pc.swap(pc.readers[0].Name)
	pc.publish()
	f.token = func(*p11.TokenInfo) {
		f.token = nil
		pc.swap(pc.readers[0].Name)
		pc.publish()
	}
	current(t, p)
	if n := reads(f, func() { current(t, p) }); n == 0 {
		t.Error("the reading was taken to hold")
	}
	if n := reads(f, func() { current(t, p) }); n != 0 {
		t.Errorf("%d tokens were read after a quiet reading", n)
	}
}

// Slots that are no PC/SC readers are read each time; so are all, where nothing
// is heard of PC/SC, and one of whose two readers it cannot be said which it is.
func TestReadEachTime(t *testing.T) {
	for name, change := range map[string]func(p *Pool, pc *service){
		"not every slot is a reader": func(_ *Pool, pc *service) { pc.readers = pc.readers[1:]; pc.publish() },
		"no service":                 func(p *Pool, _ *service) { p.Observe(pcsc.Event{Err: pcsc.ErrNoLibrary}) },
		"a card that no module shows": func(_ *Pool, pc *service) {
			pc.readers = append(pc.readers, pcsc.Reader{Name: "another", Present: true})
			pc.publish()
		},
		"two readers of one name": func(_ *Pool, pc *service) { pc.readers = append(pc.readers, pc.readers[0]); pc.publish() },
	} {
		t.Run(name, func(t *testing.T) {
			p, f, pc := observing(t)
			change(p, pc)
			current(t, p)
			if n := reads(f, func() { current(t, p) }); n == 0 {
				t.Error("taken to hold")
			}
		})
	}
}

// A slot that could not be read, or the certificates of its card, are tried once
// more.
func TestReadingWithAFailedSlot(t *testing.T) {
	failure := wrap("C_Any", softHSM, p11.Error(p11.CKR_GENERAL_ERROR))
	for name, fail := range map[string]func(f *faulty, of func(slot uint) error){
		"token":        func(f *faulty, of func(uint) error) { f.tokenErrOf = of },
		"certificates": func(f *faulty, of func(uint) error) { f.open = of },
	} {
		t.Run(name, func(t *testing.T) {
			p, f, _ := observing(t)
			before := current(t, p)
			fail(f, func(slot uint) error {
				if slot == before.Slots[0].ID {
					return failure
				}
				return nil
			})
			if s, err := p.List(t.Context()); err != nil || len(s.Certificates) >= len(before.Certificates) {
				t.Fatalf("%d certificates, %v", len(s.Certificates), err)
			}
			fail(f, nil)
			if now := current(t, p); len(now.Slots) != len(before.Slots) || len(now.Certificates) != len(before.Certificates) {
				t.Errorf("%d slots, %d certificates", len(now.Slots), len(now.Certificates))
			}
		})
	}
}

// A card that the module does not know, such as a patient's in the reader beside,
// costs no reading of the person's own: also where the module says of it that
// there is none, as the vendor's does.
func TestUnknownCardBeside(t *testing.T) {
	p, f, _ := observing(t)
	beside := current(t, p).Slots[0].ID
	f.slotInfo = func(slot uint, info *p11.SlotInfo) {
		if slot == beside {
			info.Flags = info.Flags&^p11.CKF_TOKEN_PRESENT | p11.CKF_HW_SLOT
		}
	}
	answer := p11.Error(p11.CKR_TOKEN_NOT_RECOGNIZED)
	f.tokenErrOf = func(slot uint) error {
		if slot == beside {
			return wrap("C_GetTokenInfo", softHSM, answer)
		}
		return nil
	}
	s, err := p.List(t.Context())
	if err != nil || s.Slots[0].Token != nil || !s.Slots[0].Unrecognized {
		t.Fatalf("%+v, %v", s.Slots[0], err)
	}
	if n := reads(f, func() { current(t, p) }); n != 0 {
		t.Errorf("%d tokens were read", n)
	}
	answer = p11.CKR_TOKEN_NOT_PRESENT // a card that it does not see yet
	if _, err := p.List(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := reads(f, func() { current(t, p) }); n == 0 {
		t.Error("a card that was not seen is not awaited")
	}
}

// List reads whatever holds, and one module that does not hold leaves the others
// alone.
func TestListReadsAnyway(t *testing.T) {
	p, f, _ := observing(t)
	n := len(current(t, p).Slots)
	if got := reads(f, func() {
		if _, err := p.List(t.Context()); err != nil {
			t.Error(err)
		}
	}); got < n {
		t.Errorf("%d of %d tokens were read", got, n)
	}
}

// A certificate's time passes without any event.
func TestCertificateExpiresInAReading(t *testing.T) {
	p, f, _ := observing(t)
	c := authenticationIn(t, current(t, p), "cps")
	p.now = func() time.Time { return time.Now().AddDate(4, 0, 0) }
	var now Certificate
	if n := reads(f, func() { now = authenticationIn(t, current(t, p), "cps") }); n != 0 || now.Reason != Expired {
		t.Errorf("%d tokens read, %q", n, now.Reason)
	}
	var asked int
	_, err := p.Sign(t.Context(), request(c, democard.PIN, &asked))
	mustBe(t, err, ErrUnusable)
	if asked != 0 || f.record() != "" {
		t.Errorf("asked %d, calls %q", asked, f.record())
	}
}

// What was read lets a login begin, and never refuses one: a card may have been
// unlocked, or renewed, without leaving its reader.
func TestOnlyANewReadingRefuses(t *testing.T) {
	p, f, _ := observing(t)
	flags(p11.CKF_USER_PIN_LOCKED, 0)(t, f)
	s, err := p.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := authenticationIn(t, s, "cps")
	_, err = p.Sign(t.Context(), request(c, democard.PIN, nil))
	mustBe(t, err, ErrPINLocked)
	f.token = nil
	signed, err := p.Sign(t.Context(), request(c, democard.PIN, nil))
	if err != nil {
		t.Fatal(err)
	}
	verify(t, signed)
}

// The clocks agree from one moment to the next.
func TestSleptFor(t *testing.T) {
	first := sleptFor()
	for range 1000 {
		if d := sleptFor() - first; d < -shortSleep/4 || d > shortSleep/4 {
			t.Fatalf("slept %s within this test", d)
		}
	}
}

// A card that was changed a moment ago is read, although its event is still on its
// way; so it is where the service cannot be asked.
func TestCurrentBeforeTheEvent(t *testing.T) {
	for name, change := range map[string]func(pc *service, reader string){
		"swapped": func(pc *service, reader string) { pc.swap(reader) },
		"no answer": func(pc *service, _ string) {
			pc.mu.Lock()
			defer pc.mu.Unlock()
			pc.err = pcsc.ErrNoService
		},
	} {
		t.Run(name, func(t *testing.T) {
			p, f, pc := observing(t)
			if n := reads(f, func() { current(t, p) }); n != 0 {
				t.Fatalf("%d tokens read, and nothing has changed", n)
			}
			change(pc, pc.readers[0].Name)
			if n := reads(f, func() { current(t, p) }); n == 0 {
				t.Error("nothing is read")
			}
		})
	}
}

// A card that was changed just before it was read, with its event still on its way, is
// read again by the login: the event, once it comes, would be taken for a removal of
// the card that was read, and the login would end.
func TestReadBeforeTheEvent(t *testing.T) {
	p, _, pc := observing(t)
	c := authentication(t, p, "cps")
	pc.swap(c.Slot.Description)
	if _, err := p.List(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := request(c, democard.PIN, nil)
	r.PIN = func(context.Context, PINRequest) ([]byte, error) {
		pc.publish()
		return []byte(democard.PIN), nil
	}
	s, err := p.Sign(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	verify(t, s)
}

// A module whose process ended while the person typed, which is noticed only when the
// PIN is in, signs all the same in a new one: nothing was sent to the card, and the
// person is asked once.
func TestProcessEndsWhileThePersonTypes(t *testing.T) {
	p, f, _ := observing(t)
	c := authentication(t, p, "cps")
	f.calls = nil
	f.state = func() error {
		f.state = nil
		f.driver.(*moduleProcess).kill("TEST")
		return wrap("C_GetSessionInfo", softHSM, p11.Error(p11.CKR_GENERAL_ERROR))
	}
	asked := 0
	s, err := p.Sign(t.Context(), request(c, democard.PIN, &asked))
	if err != nil {
		t.Fatal(err)
	}
	verify(t, s)
	if asked != 1 || strings.Count(f.record(), "login1") != 1 {
		t.Errorf("asked %d times, calls %s", asked, f.record())
	}
}

// TestCardsReadAnewWhileThePersonTypes: where the session was locked, disconnected or asleep
// while the person is asked, and the modules are started anew for it, the login goes on with
// the same card, and the PIN goes to no other.
func TestCardsReadAnewWhileThePersonTypes(t *testing.T) {
	for _, other := range []bool{false, true} {
		p, f, _ := observing(t)
		r := request(authenticationIn(t, current(t, p), "cps"), "", nil)
		r.PIN = func(ctx context.Context, _ PINRequest) ([]byte, error) {
			p.Expire()
			if other {
				anotherCard(f)
				return []byte(democard.PIN), nil // before anything is read
			}
			if err := p.Restart(ctx); err != nil {
				t.Error(err)
			}
			if _, err := p.List(ctx); err != nil {
				t.Error(err)
			}
			return []byte(democard.PIN), nil
		}
		switch _, err := p.Sign(t.Context(), r); {
		case !other && err != nil:
			t.Errorf("the same card: %v", err)
		case other && !errors.Is(err, ErrCardChanged) || other && f.record() != "":
			t.Errorf("another card: %v, sent to it: %q", err, f.record())
		}
	}
}
