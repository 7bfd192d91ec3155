package pkcs11

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	p11 "github.com/miekg/pkcs11"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/democard"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// hanging makes the PC/SC service answer nothing until the test ends.
func hanging(t *testing.T, p *Pool, pc *service) {
	t.Helper()
	block := make(chan struct{})
	t.Cleanup(func() { close(block) })
	p.readerState = func(d string) (pcsc.Reader, error) { <-block; return pc.state(d) }
}

// TestPCSCHangs: a service that does not answer holds up neither a caller who has
// gone nor, for longer than the limit, the lease of a module.
func TestPCSCHangs(t *testing.T) {
	t.Run("a caller who goes", func(t *testing.T) {
		p, _, pc := observing(t)
		p.pcscLimit = time.Hour
		hanging(t, p, pc)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := p.Current(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})
	t.Run("a lease", func(t *testing.T) {
		p, _, pc := observing(t)
		p.pcscLimit = time.Millisecond
		c := authenticationIn(t, current(t, p), "cps")
		hanging(t, p, pc)
		if _, err := p.Sign(t.Context(), request(c, democard.PIN, nil)); err != nil {
			t.Errorf("a card that the modules show does not sign: %v", err)
		}
		if err := p.Lock(t.Context()); err != nil {
			t.Errorf("the card cannot be locked: %v", err)
		}
	})
	t.Run("many questions", func(t *testing.T) {
		p, _, pc := observing(t)
		p.pcscLimit = time.Millisecond
		hanging(t, p, pc)
		for range 10 * pcscPending {
			if _, err := p.stateOf(pc.readers[0].Name); !errors.Is(err, errPCSCOverdue) {
				t.Fatalf("%v", err)
			}
		}
		if n := len(p.asking); n > pcscPending {
			t.Errorf("%d questions wait for an answer", n)
		}
	})
}

// TestWithdrawnWhileSigning: a login that is taken back while the card signs leaves
// no card session, which nobody would bound in time.
func TestWithdrawnWhileSigning(t *testing.T) {
	p, f, _ := observing(t)
	c := authenticationIn(t, current(t, p), "cps")
	ctx, cancel := context.WithCancelCause(t.Context())
	returned := make(chan struct{})
	f.sign = func(v []byte) ([]byte, error) { cancel(errRefused); <-returned; return v, nil }
	r := request(c, democard.PIN, nil)
	r.OpenCardSession = true
	_, err := p.Sign(ctx, r)
	mustBe(t, err, errRefused)
	close(returned)
	m := p.modules[0]
	if err := p.acquire(t.Context(), m); err != nil { // when the card has ended its work
		t.Fatal(err)
	}
	p.release(m)
	if p.HasCardSession(c.ID) {
		t.Errorf("the login that was taken back left the card logged in: %s", f.record())
	}
}

// TestSessionReopenedOnAnotherCard: where the session that stood before the PIN is
// lost, the PIN goes to no card that came meanwhile.
func TestSessionReopenedOnAnotherCard(t *testing.T) {
	for _, heard := range []bool{true, false} {
		p, f, pc := observing(t)
		c := authenticationIn(t, current(t, p), "cps")
		r := request(c, "", nil)
		r.PIN = func(context.Context, PINRequest) ([]byte, error) {
			f.state = once(wrap("C_GetSessionInfo", softHSM, p11.Error(p11.CKR_SESSION_HANDLE_INVALID)))
			f.open = func(uint) error { // slow: the card is another when it is opened
				anotherCard(f)
				pc.swap(c.Slot.Description)
				if heard {
					pc.publish()
				}
				return nil
			}
			return []byte(democard.PIN), nil
		}
		if _, err := p.Sign(t.Context(), r); err == nil || f.record() != "" {
			t.Errorf("heard %v: %v, sent to the card: %q", heard, err, f.record())
		}
	}
}

// TestOlderReadingIsNotPublished: what was read meanwhile is not overwritten by a
// reading that was found to hold before.
func TestOlderReadingIsNotPublished(t *testing.T) {
	p, f, pc := observing(t)
	asked := 0
	p.readerState = func(d string) (pcsc.Reader, error) {
		state, err := pc.state(d)
		if asked++; asked == 2 { // the first reader's card leaves while the second is asked
			anotherCard(f)
			pc.swap(pc.readers[0].Name)
			pc.publish()
			if _, err := p.List(t.Context()); err != nil {
				t.Error(err)
			}
		}
		return state, err
	}
	got := current(t, p)
	published, _ := p.Snapshot()
	for name, s := range map[string]Snapshot{"returned": got, "published": published} {
		if s.Slots[0].Token.Serial != "another" {
			t.Errorf("%s: the card that has left", name)
		}
	}
}

// TestPINPadTries: whoever types on the reader's own keys is shown the tries of
// now, because no dialog can be replaced there.
func TestPINPadTries(t *testing.T) {
	p, f, _ := observing(t)
	f.token = func(i *p11.TokenInfo) { i.Flags |= p11.CKF_PROTECTED_AUTHENTICATION_PATH }
	s, err := p.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// Another program spends tries, and no event reports it.
	f.token = func(i *p11.TokenInfo) {
		i.Flags |= p11.CKF_PROTECTED_AUTHENTICATION_PATH | p11.CKF_USER_PIN_FINAL_TRY
	}
	var shown []bool
	r := request(authenticationIn(t, s, "cps"), "", nil)
	r.PIN = func(_ context.Context, ask PINRequest) ([]byte, error) {
		shown = append(shown, ask.Token.PINFinalTry)
		return nil, errRefused
	}
	_, err = p.Sign(t.Context(), r)
	mustBe(t, err, errRefused)
	if !slices.Equal(shown, []bool{true}) {
		t.Errorf("final try shown: %v", shown)
	}
}

// TestPanicClosesTheSession: a dialog that panics leaves no session.
func TestPanicClosesTheSession(t *testing.T) {
	p, f, _ := observing(t)
	r := request(authenticationIn(t, current(t, p), "cps"), "", nil)
	r.PIN = func(context.Context, PINRequest) ([]byte, error) { panic("TEST") }
	func() {
		defer func() { _ = recover() }()
		_, _ = p.Sign(t.Context(), r)
	}()
	p.background.Wait()
	if n := f.counted(&f.sessions); n != 0 {
		t.Errorf("%d sessions stay open", n)
	}
}

// TestCardBackDuringACardSession: the same card out and in again ends the card
// session, and the person is asked for the PIN.
func TestCardBackDuringACardSession(t *testing.T) {
	p, _, pc := observing(t)
	c := authenticationIn(t, current(t, p), "cps")
	first := request(c, democard.PIN, nil)
	first.OpenCardSession = true
	if _, err := p.Sign(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	pc.swap(c.Slot.Description)
	pc.publish()
	next := request(c, "", nil)
	next.UseCardSession = true
	_, err := p.Sign(t.Context(), next)
	mustBe(t, err, ErrNoCardSession)
	if p.HasCardSession(c.ID) {
		t.Error("the card session outlives the card")
	}
}

// TestDialogOfABusyModule: a module that is busy for long leaves the PIN dialog
// as it is; the person may be typing.
func TestDialogOfABusyModule(t *testing.T) {
	p, f, _ := observing(t)
	c := authenticationIn(t, current(t, p), "cps")
	p.triesAfter = time.Millisecond
	m := p.modules[0]
	asked := 0
	r := request(c, "", nil)
	r.PIN = func(ctx context.Context, _ PINRequest) ([]byte, error) {
		asked++
		if err := p.acquire(t.Context(), m); err != nil {
			t.Error(err)
		}
		f.token = func(i *p11.TokenInfo) { i.Flags |= p11.CKF_USER_PIN_FINAL_TRY }
		select { // longer than the dialog may be replaced in
		case <-ctx.Done():
		case <-time.After(2 * rereadWithin):
		}
		p.release(m)
		return []byte(democard.PIN), ctx.Err()
	}
	if _, err := p.Sign(t.Context(), r); err != nil || asked != 1 {
		t.Errorf("asked %d times, %v", asked, err)
	}
}
