package pkcs11

import (
	"context"
	"errors"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/democard"
)

// Whoever gives up during C_Login is answered at once; the card's call runs to
// its end, nothing is signed, and the next signature works.
func TestCancelDuringLogin(t *testing.T) {
	p, f := pool(t)
	c := authentication(t, p, "cps")
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("the page has gone")
	release, entered := make(chan struct{}), make(chan struct{})
	f.login = func(uint, []byte) error {
		f.login = nil
		close(entered)
		<-release
		return nil
	}
	done := make(chan error, 1)
	go func() {
		_, err := p.Sign(ctx, request(c, democard.PIN, new(int)))
		done <- err
	}()
	<-entered
	cancel(why)
	mustBe(t, <-done, why)
	short, stop := context.WithCancel(t.Context())
	stop()
	if _, err := p.List(short); !errors.Is(err, context.Canceled) {
		t.Errorf("a reading did not wait for the card: %v", err)
	}
	close(release)
	s, err := p.Sign(t.Context(), request(c, democard.PIN, new(int)))
	if err != nil {
		t.Fatal(err)
	}
	verify(t, s)
	if got := f.record(); got != "login1 logout login1 sign logout" {
		t.Errorf("calls %q", got)
	}
}

func TestCancelWhileAsked(t *testing.T) {
	p, f := pool(t)
	ctx, cancel := context.WithCancel(t.Context())
	r := request(authentication(t, p, "cps"), "", new(int))
	r.PIN = func(context.Context, PINRequest) ([]byte, error) {
		cancel() // and the person's entry comes too late
		return []byte(democard.PIN), nil
	}
	_, err := p.Sign(ctx, r)
	mustBe(t, err, context.Canceled)
	if f.record() != "" {
		t.Errorf("calls %q", f.record())
	}
}

// Nobody waits for a person: while one is asked, another reading goes through.
func TestNoLockWhileAsked(t *testing.T) {
	p, _ := pool(t)
	r := request(authentication(t, p, "cps"), "", new(int))
	r.PIN = func(ctx context.Context, _ PINRequest) ([]byte, error) {
		if _, err := p.List(ctx); err != nil {
			t.Error(err)
		}
		return []byte(democard.PIN), nil
	}
	if _, err := p.Sign(t.Context(), r); err != nil {
		t.Fatal(err)
	}
}

// The entry is overwritten whatever becomes of it.
