package agent

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/desktop"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/fakes"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// counting is a pool that reports each time that what was read is ended.
type counting struct {
	*fakes.Pool
	expired chan struct{}
}

func (c *counting) Expire() { c.expired <- struct{}{} }

// eventually is for what nothing reports: the fakes' counts.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(testdesktop.Patience); !so(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(what)
		}
	}
}

// TestDesktopEvents: who leaves ends the card session; after whatever may have brought
// another card or reader the cards are read anew, and where the readers may be another
// session's the modules are started anew first.
func TestDesktopEvents(t *testing.T) {
	for _, c := range []struct {
		kind            desktop.Kind
		locks           bool
		reads, restarts int
	}{
		{desktop.Away, true, 0, 0}, {desktop.Back, false, 1, 0}, {desktop.Resumed, false, 1, 1},
	} {
		t.Run(c.kind.String(), func(t *testing.T) {
			pool, person, _ := withSession(t)
			over := &counting{pool, make(chan struct{}, 10)}
			watch, happens := listening()
			events := make(chan pcsc.Event)
			s := serve(t, setup{pool: pool, over: over, person: person, session: time.Hour, desktop: watch, events: events})
			events <- fakes.Present(1)
			logIn(t, openPage(t, s, listedOrigin))
			changes := s.Changes(t.Context())
			await(t, s, changes, "no card session", func(now state.State) bool { return now.CardSession })
			reads, restarts := pool.Reads(), pool.Restarts()
			happens <- desktop.Event{Kind: c.kind, Reason: "TEST"}
			if c.locks {
				<-pool.Locked
			}
			select {
			case <-over.expired:
			case <-time.After(testdesktop.Patience):
				t.Fatal("what was read still counts")
			}
			eventually(t, "not read anew", func() bool { return pool.Reads() == reads+c.reads && pool.Restarts() == restarts+c.restarts })
			await(t, s, changes, "the same card is not shown", func(now state.State) bool { return len(now.Certificates) == 1 && !now.Arriving })
			if n := len(over.expired); n != 0 {
				t.Errorf("what was read was ended %d times more than once", n)
			}
			if got := s.State().CardSession; got != !c.locks {
				t.Errorf("card session: %v", got)
			}
			// Another card came meanwhile, and PC/SC said nothing.
			pool.Set(pkcs11.Snapshot{Slots: []pkcs11.Slot{fakes.EmptySlot}})
			happens <- desktop.Event{Kind: desktop.Resumed, Reason: "TEST"}
			await(t, s, changes, "the card of before is shown", func(now state.State) bool { return now.Card == state.CardAbsent && len(now.Certificates) == 0 })
		})
	}
}

// TestDesktopLost: where nothing reports any more that the person leaves, the card session
// ends and there is none any more.
func TestDesktopLost(t *testing.T) {
	pool, person, asked := withSession(t)
	watch, happens := listening()
	log := &lockedBuffer{}
	p := openPage(t, serve(t, setup{pool: pool, person: person, session: time.Hour, desktop: watch, logTo: log}), listedOrigin)
	logIn(t, p)
	happens <- desktop.Event{Kind: desktop.Lost, Reason: "TEST is gone"}
	<-pool.Locked
	happens <- desktop.Event{Kind: desktop.Back, Reason: "TEST"} // the event before it has been dealt with
	logIn(t, p)
	logIn(t, p)
	if asked["PIN"] != 3 || asked["consent"] != 0 {
		t.Errorf("asked %v", asked)
	}
	if !strings.Contains(log.String(), "pin.session is not used") || !strings.Contains(log.String(), "TEST is gone") {
		t.Error(log.String())
	}
}

// TestDesktopLostAtOnce: a desktop that is lost before its watch has returned stays lost.
func TestDesktopLostAtOnce(t *testing.T) {
	pool, person, asked := withSession(t)
	lost := func(_ context.Context, on func(desktop.Event)) error {
		on(desktop.Event{Kind: desktop.Lost, Reason: "TEST is gone"})
		return nil
	}
	p := openPage(t, serve(t, setup{pool: pool, person: person, session: time.Hour, desktop: lost}), listedOrigin)
	for range 3 {
		logIn(t, p)
	}
	if asked["PIN"] != 3 || asked["consent"] != 0 {
		t.Errorf("asked %v", asked)
	}
}

// TestDesktopHeardLater: where it is too early at the agent's start to be notified of the person's
// leaving, pages are served, and cards stay unlocked once it is not.
func TestDesktopHeardLater(t *testing.T) {
	pool, person, asked := withSession(t)
	watch, happens := listening()
	early := func(ctx context.Context, on func(desktop.Event)) error {
		return errors.Join(watch(ctx, on), desktop.ErrUnavailable)
	}
	p := openPage(t, serve(t, setup{pool: pool, person: person, session: time.Hour, desktop: early}), listedOrigin)
	for range 2 {
		logIn(t, p)
	}
	if asked["PIN"] != 2 || asked["consent"] != 0 {
		t.Errorf("asked %v", asked)
	}
	happens <- desktop.Event{Kind: desktop.Heard, Reason: "TEST"}
	happens <- desktop.Event{Kind: desktop.Back, Reason: "TEST"} // the event before it has been dealt with
	for range 2 {
		logIn(t, p)
	}
	if asked["PIN"] != 3 || asked["consent"] != 1 {
		t.Errorf("once it is reported: asked %v", asked)
	}
}

// TestSessionEnds: the program is notified of the session's end before the desktop is
// answered.
func TestSessionEnds(t *testing.T) {
	pool, person := fakes.OneCard(t)
	began, goOn, answered := make(chan string), make(chan struct{}), make(chan struct{})
	watch := func(_ context.Context, on func(desktop.Event)) error {
		go func() { defer close(answered); on(desktop.Event{Kind: desktop.Ends, Reason: "TEST"}) }()
		return nil
	}
	serve(t, setup{pool: pool, person: person, desktop: watch, ends: func(why string) { began <- why; <-goOn }})
	if why := <-began; why != "TEST" {
		t.Error(why)
	}
	select {
	case <-answered:
		t.Error("answered before its work is done")
	default:
	}
	close(goOn)
	<-answered
}
