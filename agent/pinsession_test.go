package agent

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/desktop"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/agent/protocol"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/fakes"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// withSession is a card that may stay logged in, with a person who types the PIN
// and says yes; asked counts both dialogs.
func withSession(t *testing.T) (pool *fakes.Pool, person fakes.Person, asked map[string]int) {
	t.Helper()
	c, key := fakes.Certificate(t, 1)
	sign := fakes.Signer(c, key)
	asked = map[string]int{}
	pool = &fakes.Pool{Cards: pkcs11.Snapshot{Slots: []pkcs11.Slot{c.Slot}, Certificates: []pkcs11.Certificate{c}}, Locked: make(chan struct{}, 10)}
	pool.Signing = func(ctx context.Context, r pkcs11.Request) (pkcs11.Signature, error) {
		if r.UseCardSession {
			if !pool.HasCardSession(c.ID) {
				return pkcs11.Signature{}, pkcs11.ErrNoCardSession
			}
			r.PIN = func(context.Context, pkcs11.PINRequest) ([]byte, error) { return []byte("1234"), nil }
		}
		s, err := sign(ctx, r)
		if err == nil && r.OpenCardSession {
			pool.Mu.Lock()
			pool.Session = c.ID
			pool.Mu.Unlock()
		}
		return s, err
	}
	person.OnPIN = func(context.Context, prompt.PIN) ([]byte, error) { asked["PIN"]++; return []byte("1234"), nil }
	person.OnConfirm = func(_ context.Context, c prompt.Caller, h prompt.Holder) error {
		asked["consent"]++
		if c.Origin != listedOrigin || h.Name == "" {
			t.Errorf("consent of %+v, %+v", c, h)
		}
		return nil
	}
	return pool, person, asked
}

// listening is a desktop on which a test makes the person leaving.
func listening() (func(context.Context, func(desktop.Event)) error, chan desktop.Event) {
	leaving := make(chan desktop.Event)
	return func(ctx context.Context, on func(desktop.Event)) error {
		go func() {
			for {
				select {
				case e := <-leaving:
					on(e)
				case <-ctx.Done():
					return
				}
			}
		}()
		return nil
	}, leaving
}

func logIn(t *testing.T, p *testPage) {
	t.Helper()
	p.authenticate(1)
	if a := p.answer(); a.Error != nil {
		t.Fatal(a.Error)
	}
}

// The PIN once; then consent each time, naming origin and holder, for an origin
// that is listed too.
func TestPINSession(t *testing.T) {
	pool, person, asked := withSession(t)
	watch, leaving := listening()
	events := make(chan pcsc.Event)
	p := openPage(t, serve(t, setup{pool: pool, person: person, session: time.Hour, desktop: watch, events: events}), listedOrigin)
	events <- fakes.Present(1)
	for range 3 {
		logIn(t, p)
	}
	if asked["PIN"] != 1 || asked["consent"] != 2 {
		t.Errorf("asked %v", asked)
	}
	leaving <- desktop.Event{Kind: desktop.Away, Reason: "locked"}
	<-pool.Locked
	logIn(t, p)
	if asked["PIN"] != 2 || asked["consent"] != 2 {
		t.Errorf("after the screen was locked: %v", asked)
	}
	events <- fakes.Empty(2)
	<-pool.Locked
	events <- fakes.Present(3)
	for { // the page is notified that its card left
		if a := p.read(); a.Method == "card" {
			break
		}
	}
	logIn(t, p)
	if asked["PIN"] != 3 || asked["consent"] != 2 {
		t.Errorf("after the card was removed: %v", asked)
	}
}

func TestPINSessionTimeIsUp(t *testing.T) {
	pool, person, asked := withSession(t)
	watch, _ := listening()
	p := openPage(t, serve(t, setup{pool: pool, person: person, session: 50 * time.Millisecond, desktop: watch}), listedOrigin)
	logIn(t, p)
	<-pool.Locked
	logIn(t, p)
	if asked["PIN"] != 2 {
		t.Errorf("asked %v", asked)
	}
}

func TestPINSessionRefused(t *testing.T) {
	pool, person, _ := withSession(t)
	watch, _ := listening()
	person.OnConfirm = func(context.Context, prompt.Caller, prompt.Holder) error { return prompt.ErrCancelled }
	p := openPage(t, serve(t, setup{pool: pool, person: person, session: time.Hour, desktop: watch}), listedOrigin)
	logIn(t, p)
	p.authenticate(2)
	want(t, p.answer(), protocol.CodeConsentDenied)
}

// Without the setting, or where nothing reports that the person leaves, the PIN is
// asked each time.
func TestNoPINSession(t *testing.T) {
	watch, _ := listening()
	deaf := func(context.Context, func(desktop.Event)) error { return desktop.ErrUnavailable }
	for name, o := range map[string]setup{"no setting": {desktop: watch}, "a desktop that does not tell": {desktop: deaf, session: time.Hour}} {
		t.Run(name, func(t *testing.T) {
			pool, person, asked := withSession(t)
			sign := pool.Signing
			pool.Signing = func(ctx context.Context, r pkcs11.Request) (pkcs11.Signature, error) {
				if r.OpenCardSession {
					t.Error("the card is asked to stay open")
				}
				return sign(ctx, r)
			}
			o.pool, o.person = pool, person
			p := openPage(t, serve(t, o), listedOrigin)
			logIn(t, p)
			logIn(t, p)
			if asked["PIN"] != 2 || asked["consent"] != 0 {
				t.Errorf("asked %v", asked)
			}
		})
	}
}

// A login whose process ended: the person is asked anew, and learns why; nothing
// is sent a second time by itself.
func TestOutcomeUnknown(t *testing.T) {
	pool, person := fakes.OneCard(t)
	good, signed := pool.Signing, 0
	pool.Signing = func(ctx context.Context, r pkcs11.Request) (pkcs11.Signature, error) {
		signed++
		s, err := good(ctx, r)
		if signed == 1 {
			return pkcs11.Signature{}, errors.Join(pkcs11.ErrModuleFailed, pkcs11.ErrOutcomeUnknown)
		}
		return s, err
	}
	var dialogs []prompt.PIN
	person.OnPIN = func(_ context.Context, d prompt.PIN) ([]byte, error) {
		dialogs = append(dialogs, d)
		return []byte("1234"), nil
	}
	logIn(t, openPage(t, serve(t, setup{pool: pool, person: person}), listedOrigin))
	if len(dialogs) != 2 || dialogs[0].Unsure || !dialogs[1].Unsure || dialogs[1].WrongPIN {
		t.Errorf("dialogs %+v", dialogs)
	}
}
