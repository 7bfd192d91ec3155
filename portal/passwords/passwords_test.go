package passwords

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/portal/store"
)

const testPassword = "TEST mot de passe"

// clock is a clock that the test sets.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func TestThrottle(t *testing.T) {
	at := &clock{at: time.Now().Truncate(time.Second)}
	one, two := store.Card{Group: "g", Identifier: "1", Named: true}, store.Card{Group: "g", Identifier: "2", Named: true}
	path := filepath.Join(t.TempDir(), "portal.db")
	instance := func(t *testing.T) *Throttle {
		t.Helper()
		db, err := store.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return &Throttle{Store: db, Now: at.now}
	}
	begin := func(t *testing.T, th *Throttle, c store.Card) time.Duration {
		t.Helper()
		wait, err := th.Begin(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		return wait
	}
	fail := func(t *testing.T, th *Throttle, n int, c store.Card) {
		t.Helper()
		for range n {
			for wait := begin(t, th, c); wait > 0; wait = begin(t, th, c) {
				at.pass(wait)
			}
		}
	}
	t.Run("the wait grows to a minute and no further", func(t *testing.T) {
		th := instance(t)
		fail(t, th, FreeFailures, one)
		var last time.Duration
		for range 20 {
			wait := begin(t, th, one)
			if wait <= 0 || wait < last || wait > MaxDelay {
				t.Fatalf("wait %v after %v", wait, last)
			}
			last = wait
			fail(t, th, 1, one)
		}
		if last != MaxDelay {
			t.Errorf("at last %v", last)
		}
		if wait := begin(t, th, two); wait != 0 {
			t.Errorf("another card: %v", wait)
		}
		if wait := begin(t, instance(t), one); wait == 0 {
			t.Error("another instance knows nothing of it")
		}
		at.pass(-time.Hour) // a clock that is set back
		if wait := begin(t, th, one); wait <= 0 || wait > MaxDelay {
			t.Errorf("with the clock set back: %v", wait)
		}
		at.pass(time.Hour + Window)
		if wait := begin(t, th, one); wait != 0 {
			t.Errorf("after the Window: %v", wait)
		}
		at.pass(Window)
	})
	t.Run("tries at the same time count, in all instances", func(t *testing.T) {
		instances := []*Throttle{instance(t), instance(t)}
		var through atomic.Int32
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				if wait, err := instances[i%2].Begin(t.Context(), one); err != nil {
					t.Error(err)
				} else if wait == 0 {
					through.Add(1)
				}
			})
		}
		wg.Wait()
		if n := through.Load(); n != FreeFailures {
			t.Errorf("%d tries went through at once", n)
		}
	})
}

func TestPasswordHash(t *testing.T) {
	one, err := Hash(testPassword)
	if err != nil {
		t.Fatal(err)
	}
	two, err := Hash(testPassword)
	if err != nil || one == two {
		t.Errorf("two hashes are the same: no salt; %v", err)
	}
	for password, want := range map[string]bool{testPassword: true, testPassword + " ": false, "": false} {
		if good, _, err := check(one, password); good != want || err != nil {
			t.Errorf("%q: %v, %v", password, good, err)
		}
	}
	// RFC 9106 has no vector without secret and data; this one is the reference
	// implementation's (argon2 -id -t 2 -k 65536 -p 1, "password", "somesalt").
	reference := "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	if good, outdated, err := check(reference, "password"); !good || !outdated || err != nil {
		t.Errorf("the reference's hash: %v, %v", good, err)
	}
	for _, bad := range []string{"", "x", "$argon2i$v=19$m=1,t=1,p=1$AA$AA", "$argon2id$v=16$m=1,t=1,p=1$AA$AA", "$argon2id$v=19$m=x$AA$AA"} {
		if good, _, err := check(bad, testPassword); good || err == nil {
			t.Errorf("hash %q: %v, %v", bad, good, err)
		}
	}
}

// A browser that leaves the line makes room.
func TestLeavesTheLine(t *testing.T) {
	h := NewHashing()
	for range MaxRunning {
		if _, err := h.Acquire(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for range 2 * (MaxRunning + MaxQueued) {
		if _, _, err := h.Check(gone, Decoy, "x"); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
}
