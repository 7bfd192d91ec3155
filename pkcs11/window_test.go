package pkcs11

import (
	"context"
	"errors"
	"testing"
	"time"

	p11 "github.com/miekg/pkcs11"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/democard"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// anotherCard makes the module show another card in each slot, in sessions that
// are open too.
func anotherCard(f *faulty) {
	f.token = func(i *p11.TokenInfo) { i.SerialNumber = "another" }
}

// once fails the first time.
func once(err error) func() error {
	return func() error {
		e := err
		err = nil
		return e
	}
}

// What happens while the person is being asked for the PIN. It goes to the card
// that the person was asked about, which never left its reader meanwhile, or to
// none: and where it goes to none, no try is spent.
func TestWhileThePersonTypes(t *testing.T) {
	ckr := func(op string, code p11.Error) error { return wrap(op, softHSM, code) }
	for name, c := range map[string]struct {
		happens func(t *testing.T, p *Pool, f *faulty, pc *service, reader string)
		want    error // nil: a signature
		reads   bool  // the card is read once more
	}{
		"nothing": {happens: func(*testing.T, *Pool, *faulty, *service, string) {}},
		"another card, whose event is on its way": {func(_ *testing.T, _ *Pool, f *faulty, pc *service, reader string) {
			anotherCard(f)
			pc.swap(reader)
		}, ErrCardChanged, true},
		"another card": {func(_ *testing.T, _ *Pool, f *faulty, pc *service, reader string) {
			anotherCard(f)
			pc.swap(reader)
			pc.publish()
		}, ErrCardChanged, true},
		"another card, read by someone else meanwhile": {func(t *testing.T, p *Pool, f *faulty, pc *service, reader string) {
			anotherCard(f)
			pc.swap(reader)
			pc.publish()
			current(t, p)
		}, ErrCardChanged, true},
		"the same card out and in": {func(_ *testing.T, _ *Pool, _ *faulty, pc *service, reader string) {
			pc.swap(reader)
			pc.publish()
		}, ErrCardRemoved, true},
		"the same card out and in, whose event is on its way": {func(_ *testing.T, _ *Pool, _ *faulty, pc *service, reader string) {
			pc.swap(reader)
		}, ErrCardRemoved, true},
		"the reader goes and comes back as it was": {func(_ *testing.T, p *Pool, _ *faulty, pc *service, _ string) {
			p.Observe(pcsc.Event{})
			pc.publish()
		}, ErrCardRemoved, true},
		"the card out": {func(_ *testing.T, _ *Pool, f *faulty, pc *service, reader string) {
			f.tokenErr = ckr("C_GetTokenInfo", p11.CKR_TOKEN_NOT_PRESENT)
			pc.swap(reader)
			pc.publish()
		}, ErrCardRemoved, false}, // it is, and the module says that there is none
		"a card in another reader": {happens: func(_ *testing.T, _ *Pool, _ *faulty, pc *service, _ string) {
			pc.readers = append(pc.readers, pcsc.Reader{Name: "another", Present: true, Count: 1})
			pc.publish()
		}},
		"another program resets the card, which ends the session": {happens: func(_ *testing.T, _ *Pool, f *faulty, _ *service, _ string) {
			f.state = once(ckr("C_GetSessionInfo", p11.CKR_SESSION_HANDLE_INVALID))
		}},
		"a reset, after which the module sees no card at first": {happens: func(_ *testing.T, _ *Pool, f *faulty, _ *service, _ string) {
			f.state = once(ckr("C_GetSessionInfo", p11.CKR_DEVICE_REMOVED))
			present := once(ckr("C_OpenSession", p11.CKR_TOKEN_NOT_PRESENT))
			f.open = func(uint) error { return present() }
		}},
		"the service is restarted": {happens: func(_ *testing.T, _ *Pool, _ *faulty, pc *service, _ string) { pc.restart() }, reads: true},
		"the service is restarted, and the card another": {func(_ *testing.T, _ *Pool, f *faulty, pc *service, _ string) {
			anotherCard(f)
			pc.restart()
		}, ErrCardChanged, true},
		"the service is away": {happens: func(_ *testing.T, _ *Pool, _ *faulty, pc *service, _ string) { pc.err = pcsc.ErrNoService }, reads: true},
		"the service is away, and the card another": {func(_ *testing.T, _ *Pool, f *faulty, pc *service, _ string) {
			anotherCard(f)
			pc.err = pcsc.ErrNoService
		}, ErrCardChanged, true},
		"the computer sleeps": {happens: func(_ *testing.T, p *Pool, _ *faulty, _ *service, _ string) {
			slept := p.slept
			p.slept = func() time.Duration { return slept() + time.Hour }
		}, reads: true},
		"the computer sleeps, and the card is another": {func(_ *testing.T, p *Pool, f *faulty, _ *service, _ string) {
			anotherCard(f)
			p.slept = func() time.Duration { return 1000 * time.Hour }
		}, ErrCardChanged, true},
		"the module's process is killed": {happens: func(t *testing.T, _ *Pool, f *faulty, _ *service, _ string) {
			process := f.driver.(*moduleProcess)
			if err := process.cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			<-process.ended
		}, reads: true},
		"the modules are restarted": {happens: func(t *testing.T, p *Pool, _ *faulty, _ *service, _ string) {
			if err := p.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
		}, reads: true},
		"others read the cards": {happens: func(t *testing.T, p *Pool, _ *faulty, _ *service, _ string) {
			if _, err := p.List(t.Context()); err != nil {
				t.Fatal(err)
			}
		}},
		"another login on the same card": {happens: func(t *testing.T, p *Pool, f *faulty, _ *service, _ string) {
			if _, err := p.Sign(t.Context(), request(authenticationIn(t, current(t, p), "cps"), democard.PIN, nil)); err != nil {
				t.Fatal(err)
			}
			f.calls = nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p, f, pc := observing(t)
			chosen := authenticationIn(t, current(t, p), "cps")
			asked, read := 0, 0
			r := request(chosen, "", nil)
			r.PIN = func(context.Context, PINRequest) ([]byte, error) {
				asked++
				if f.counted(&f.sessions) != 1 {
					t.Errorf("%d sessions are open while the person is asked", f.sessions)
				}
				c.happens(t, p, f, pc, chosen.Slot.Description)
				read = f.counted(&f.readings)
				return []byte(democard.PIN), nil
			}
			before := f.counted(&f.readings)
			signed, err := p.Sign(t.Context(), r)
			want := "login1 sign logout"
			if c.want != nil {
				mustBe(t, err, c.want)
				want = ""
			} else if err != nil {
				t.Fatal(err)
			} else {
				verify(t, signed)
			}
			if f.record() != want || asked != 1 {
				t.Errorf("calls %q, asked %d", f.record(), asked)
			}
			if got := f.counted(&f.readings) > read; got != c.reads || before > read {
				t.Errorf("read once more: %v", got)
			}
			p.background.Wait()
			if m := p.modules[0]; p.acquire(t.Context(), m) == nil { // after the card's work
				p.release(m)
			}
			if n := f.counted(&f.sessions); n != 0 && c.want != nil {
				t.Errorf("%d sessions stay open", n)
			}
		})
	}
}

// The session that was opened for the PIN does not outlive a dialog that ends
// without one.
func TestSessionEndsWithTheDialog(t *testing.T) {
	for name, c := range map[string]struct {
		pin     PINFunc
		message func(Algorithm) ([]byte, error)
		want    error
	}{
		"refused":    {pin: func(context.Context, PINRequest) ([]byte, error) { return nil, errRefused }, want: errRefused},
		"too short":  {pin: types("1"), want: ErrPINLength},
		"no message": {pin: types(democard.PIN), message: func(Algorithm) ([]byte, error) { return nil, errRefused }, want: errRefused},
	} {
		t.Run(name, func(t *testing.T) {
			p, f, _ := observing(t)
			r := request(authenticationIn(t, current(t, p), "cps"), "", nil)
			r.PIN = c.pin
			if c.message != nil {
				r.Message = c.message
			}
			_, err := p.Sign(t.Context(), r)
			mustBe(t, err, c.want)
			p.background.Wait()
			if f.sessions != 0 || f.record() != "" {
				t.Errorf("%d sessions, calls %q", f.sessions, f.record())
			}
		})
	}
	t.Run("cancelled, and the card works for another", func(t *testing.T) {
		p, f, _ := observing(t)
		ctx, cancel := context.WithCancelCause(t.Context())
		r := request(authenticationIn(t, current(t, p), "cps"), "", nil)
		held := p.modules[0]
		r.PIN = func(ctx context.Context, _ PINRequest) ([]byte, error) {
			if err := p.acquire(ctx, held); err != nil {
				t.Error(err)
			}
			cancel(errRefused)
			return []byte(democard.PIN), nil
		}
		_, err := p.Sign(ctx, r)
		mustBe(t, err, errRefused)
		p.release(held)
		p.background.Wait()
		if f.sessions != 0 || f.record() != "" {
			t.Errorf("%d sessions, calls %q", f.sessions, f.record())
		}
	})
}

// A card session ends with its card, also where the module's session goes on, and
// where the card that came was read meanwhile.
func TestCardSessionEndsWithTheCard(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, p *Pool, f *faulty, pc *service, reader string){
		"the same card": func(_ *testing.T, _ *Pool, _ *faulty, pc *service, reader string) { pc.swap(reader) },
		"another card": func(_ *testing.T, _ *Pool, f *faulty, pc *service, reader string) {
			anotherCard(f)
			pc.swap(reader)
		},
		"the same card, read meanwhile": func(t *testing.T, p *Pool, _ *faulty, pc *service, reader string) {
			pc.swap(reader)
			pc.publish()
			current(t, p)
		},
		"another card, read meanwhile": func(t *testing.T, p *Pool, f *faulty, pc *service, reader string) {
			anotherCard(f)
			pc.swap(reader)
			pc.publish()
			current(t, p)
		},
	} {
		t.Run(name, func(t *testing.T) {
			p, f, pc := observing(t)
			c := authenticationIn(t, current(t, p), "cps")
			first := request(c, democard.PIN, nil)
			first.OpenCardSession = true
			if _, err := p.Sign(t.Context(), first); err != nil {
				t.Fatal(err)
			}
			next := request(c, "", nil)
			next.UseCardSession = true
			if n := reads(f, func() {
				if _, err := p.Sign(t.Context(), next); err != nil {
					t.Fatal(err)
				}
			}); n != 0 {
				t.Errorf("%d tokens were read in a card session", n)
			}
			change(t, p, f, pc, c.Slot.Description)
			for range 2 {
				if _, err := p.Sign(t.Context(), next); !errors.Is(err, ErrCardRemoved) && !errors.Is(err, ErrCardChanged) && !errors.Is(err, ErrNoCardSession) {
					t.Errorf("signed with a card that is gone: %v", err)
				}
				pc.publish()
			}
			if p.HasCardSession(c.ID) || f.record() != "login1 sign sign logout" {
				t.Errorf("calls %q", f.record())
			}
		})
	}
}
