package pkcs11

import (
	"context"
	"errors"
	"testing"
	"time"

	p11 "github.com/miekg/pkcs11"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/democard"
)

// dialog is a person at a PIN window.
type dialog struct {
	asked   []Token
	answers []PINFunc // one for each time; the last repeats
}

func (d *dialog) ask(ctx context.Context, ask PINRequest) ([]byte, error) {
	if ask.Token != *ask.Certificate.Slot.Token {
		return nil, errors.New("two tokens in one request")
	}
	if d.asked = append(d.asked, ask.Token); len(d.asked) > 2 {
		return nil, errors.New("asked too often")
	}
	return d.answers[min(len(d.asked), len(d.answers))-1](ctx, ask)
}

// stands is a window that is open until its context ends.
func stands(ctx context.Context, _ PINRequest) ([]byte, error) {
	<-ctx.Done()
	return nil, context.Cause(ctx)
}

// A window that has stood for a while shows the tries that there are now, and not
// those from before another program's wrong PIN. None of it costs a try.
func TestTriesWhileThePersonTypes(t *testing.T) {
	for name, c := range map[string]struct {
		set     uint // flags that the token has now
		unset   uint
		answers []PINFunc
		want    error
		last    Token // flags of the last window
		windows int
		calls   string
	}{
		"one is left": {set: p11.CKF_USER_PIN_COUNT_LOW | p11.CKF_USER_PIN_FINAL_TRY, answers: []PINFunc{stands, types(democard.PIN)},
			last: Token{PINCountLow: true, PINFinalTry: true}, windows: 2, calls: "login1 sign logout"},
		"one is left, and the window's context says only that it ended": {set: p11.CKF_USER_PIN_FINAL_TRY, answers: []PINFunc{
			func(ctx context.Context, _ PINRequest) ([]byte, error) { <-ctx.Done(); return nil, ctx.Err() }, types(democard.PIN)},
			last: Token{PINFinalTry: true}, windows: 2, calls: "login1 sign logout"},
		"none is left":       {set: p11.CKF_USER_PIN_LOCKED, answers: []PINFunc{stands}, want: ErrPINLocked, windows: 1},
		"no PIN is set":      {unset: p11.CKF_USER_PIN_INITIALIZED, answers: []PINFunc{stands}, want: ErrPINNotSet, windows: 1},
		"it must be changed": {set: p11.CKF_USER_PIN_TO_BE_CHANGED, answers: []PINFunc{stands}, want: ErrPINExpired, windows: 1},
		"one is left, and the person stops": {set: p11.CKF_USER_PIN_FINAL_TRY, answers: []PINFunc{stands,
			func(context.Context, PINRequest) ([]byte, error) { return nil, errRefused }},
			want: errRefused, last: Token{PINFinalTry: true}, windows: 2},
		"the answer came first": {set: p11.CKF_USER_PIN_FINAL_TRY, answers: []PINFunc{
			func(ctx context.Context, _ PINRequest) ([]byte, error) {
				<-ctx.Done()
				return []byte(democard.PIN), nil
			}},
			windows: 1, calls: "login1 sign logout"},
		"the person stopped first": {set: p11.CKF_USER_PIN_FINAL_TRY, answers: []PINFunc{
			func(ctx context.Context, _ PINRequest) ([]byte, error) { <-ctx.Done(); return nil, errRefused }},
			want: errRefused, windows: 1},
	} {
		t.Run(name, func(t *testing.T) {
			p, f, _ := observing(t)
			chosen := authenticationIn(t, current(t, p), "cps")
			p.triesAfter = time.Nanosecond
			f.token = func(i *p11.TokenInfo) { i.Flags = i.Flags&^c.unset | c.set }
			d := &dialog{answers: c.answers}
			r := request(chosen, "", nil)
			r.PIN = d.ask
			s, err := p.Sign(t.Context(), r)
			if c.want != nil {
				mustBe(t, err, c.want)
			} else if err != nil {
				t.Fatal(err)
			} else {
				verify(t, s)
			}
			last := d.asked[len(d.asked)-1]
			if len(d.asked) != c.windows || !sameTries(last, c.last) || f.record() != c.calls {
				t.Errorf("%d windows, the last %+v, calls %q", len(d.asked), last, f.record())
			}
			// Who shows what is known of the card hears of it.
			snapshot, _ := p.Snapshot()
			if now := authenticationIn(t, snapshot, "cps").Slot.Token; now.PINFinalTry != (c.set&p11.CKF_USER_PIN_FINAL_TRY != 0) {
				t.Errorf("the snapshot says %+v", now)
			}
		})
	}
}

// A window whose tries are as they were stands.
func TestTriesUnchanged(t *testing.T) {
	p, f, _ := observing(t)
	chosen := authenticationIn(t, current(t, p), "cps")
	p.triesAfter = time.Nanosecond
	read := make(chan struct{})
	f.token = func(*p11.TokenInfo) { f.token = nil; close(read) }
	windows := 0
	r := request(chosen, "", nil)
	r.PIN = func(ctx context.Context, _ PINRequest) ([]byte, error) {
		windows++
		<-read
		m := p.modules[0] // until what was read is compared
		if err := p.acquire(ctx, m); err != nil {
			t.Error(err)
		}
		p.release(m)
		if ctx.Err() != nil {
			t.Error("the window was closed")
		}
		return []byte(democard.PIN), nil
	}
	if _, err := p.Sign(t.Context(), r); err != nil || windows != 1 {
		t.Errorf("%v, %d windows", err, windows)
	}
}

// After a wrong PIN what was read says how many tries there are, and after the
// right one too.
func TestTriesAfterAPIN(t *testing.T) {
	p, f, _ := observing(t)
	c := authenticationIn(t, current(t, p), "cps")
	wrong := func(uint, []byte) error {
		flags(p11.CKF_USER_PIN_COUNT_LOW|p11.CKF_USER_PIN_FINAL_TRY, 0)(t, f)
		return wrap("C_Login", softHSM, p11.Error(p11.CKR_PIN_INCORRECT))
	}
	f.login = wrong
	_, err := p.Sign(t.Context(), request(c, "9999", nil))
	mustBe(t, err, ErrPINIncorrect)
	f.login = nil
	d := &dialog{answers: []PINFunc{func(context.Context, PINRequest) ([]byte, error) { f.token = nil; return []byte(democard.PIN), nil }}}
	r := request(c, "", nil)
	r.PIN = d.ask
	if n := reads(f, func() {
		if _, err := p.Sign(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%d tokens were read, which the wrong PIN had read", n)
	}
	if !d.asked[0].PINFinalTry {
		t.Errorf("the window after the wrong PIN: %+v", d.asked[0])
	}
	if now := authenticationIn(t, current(t, p), "cps").Slot.Token; now.PINFinalTry {
		t.Errorf("after the right PIN: %+v", now)
	}
}
