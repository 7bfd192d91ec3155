package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/postgres"
)

// onBoth plays a test on a new database of each kind.
func onBoth(t *testing.T, test func(t *testing.T, s *Store)) {
	t.Helper()
	for kind, database := range map[string]string{"SQLite": filepath.Join(t.TempDir(), "portal.db"), "PostgreSQL": postgres.Database(t)} {
		t.Run(kind, func(t *testing.T) {
			s, err := Open(t.Context(), database)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			test(t, s)
		})
	}
}

// newAccount adds an account.
func newAccount(t *testing.T, s *Store, name string) Account {
	t.Helper()
	if err := s.AddAccount(t.Context(), Account{Name: name, Display: "TEST", Service: "TEST"}, time.Now()); err != nil {
		t.Fatal(err)
	}
	a, err := s.AccountByName(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// loggedIn attaches a card to an account and returns the session that this begins.
func loggedIn(t *testing.T, s *Store, a Account, identifier string) Session {
	t.Helper()
	c, now := Card{Group: "test", Identifier: identifier, Named: true}, time.Now()
	pending, _, err := s.Login(t.Context(), c, nil, Session{Hash: []byte("pending " + identifier)}, now, time.Minute, nil)
	if err == nil {
		err = s.Confirmable(t.Context(), pending.Hash, a.ID, a.Password)
	}
	if err != nil {
		t.Fatal(err)
	}
	pending.PendingAccount = a.ID
	in, err := s.Confirm(t.Context(), pending, Session{Hash: []byte("in " + identifier)}, nil, now)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// Two sessions of one account that detach each other's cards at the same time: one is first,
// and the other has ended by then, as on SQLite, which has one writer. None waits for the other
// until PostgreSQL ends that after a second, in which each has one of the few connections.
func TestDetachEachOther(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		a := newAccount(t, s, "dtest")
		for round := range 20 {
			in := []Session{loggedIn(t, s, a, fmt.Sprint(round, "a")), loggedIn(t, s, a, fmt.Sprint(round, "b"))}
			errs := [2]error{}
			var wg sync.WaitGroup
			for i := range in {
				wg.Go(func() { _, errs[i] = s.Detach(t.Context(), in[i], in[1-i].Card, time.Now()) })
			}
			wg.Wait()
			if (errs[0] == nil) == (errs[1] == nil) || !errors.Is(errors.Join(errs[:]...), ErrNotFound) {
				t.Errorf("round %d: %v, %v", round, errs[0], errs[1])
			}
			if remaining, err := s.Cards(t.Context(), a.ID); err != nil || len(remaining) != 1 {
				t.Fatalf("%d cards remain, %v", len(remaining), err)
			}
			if _, err := s.db.Exec(`DELETE FROM cards`); err != nil {
				t.Fatal(err)
			}
		}
		if !s.postgres {
			return
		}
		var deadlocks int
		if err := s.db.QueryRow(`SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()`).Scan(&deadlocks); err != nil || deadlocks > 0 {
			t.Errorf("they waited for each other %d times, %v", deadlocks, err)
		}
	})
}

// Of many tries of one card at the same time each sees those before it.
func TestTriesTogether(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		c, now := Card{Group: "test", Identifier: "1", Named: true}, time.Now()
		var mu sync.Mutex
		seen := map[int64]int{}
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				var n int64
				_, err := s.BeginTry(t.Context(), c, now, func(failures int64, _ time.Duration) (int64, time.Duration) {
					n = failures
					return failures, 0
				})
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				seen[n]++
			})
		}
		wg.Wait()
		if len(seen) != 20 {
			t.Errorf("of 20 tries %d saw a number of their own: %v", len(seen), seen)
		}
	})
}

// What no database should choke on: U+0000 and bytes that are no UTF-8, in what people type and
// in what certificates state. Two cards that differ in such bytes are two.
func TestUnprintable(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		a := newAccount(t, s, "dtest")
		for _, name := range []string{"dtest\x00", "\xff", "d\x00test"} {
			if _, err := s.AccountByName(t.Context(), name); !errors.Is(err, ErrNotFound) {
				t.Errorf("%q: %v", name, err)
			}
		}
		one := loggedIn(t, s, a, "8\x001")
		for _, other := range []string{"8\xff1", "8\uFFFD1", "81"} {
			if c, err := s.CardByKey(t.Context(), Card{Group: "test", Identifier: other, Named: true}); !errors.Is(err, ErrNotFound) {
				t.Errorf("%q is the card %d, %v", other, c.ID, err)
			}
		}
		if c, err := s.CardByKey(t.Context(), Card{Group: "test", Identifier: "8\x001", Named: true}); err != nil || c.ID != one.Card {
			t.Errorf("%d, %v", c.ID, err)
		}
	})
}

// A person's sessions are listed, and all but this one end at once, by a session that has not
// ended itself.
func TestSessionsOfAnAccount(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		a, other := newAccount(t, s, "dtest"), newAccount(t, s, "other")
		mine, second, third, theirs := loggedIn(t, s, a, "1"), loggedIn(t, s, a, "2"), loggedIn(t, s, a, "3"), loggedIn(t, s, other, "4")
		list, err := s.OpenSessions(t.Context(), a.ID)
		if err != nil || len(list) != 3 {
			t.Fatalf("%d sessions, %v", len(list), err)
		}
		if err := s.EndOneSession(t.Context(), mine, third.Hash); err != nil {
			t.Error(err)
		}
		if err := s.EndOneSession(t.Context(), third, mine.Hash); err != nil { // it has ended
			t.Error(err)
		}
		if n, err := s.EndOpenSessions(t.Context(), mine, true, time.Now()); n != 1 || err != nil {
			t.Errorf("%d ended, %v", n, err)
		}
		for _, one := range []Session{mine, theirs} {
			if _, err := s.Session(t.Context(), one.Hash); err != nil {
				t.Error(err)
			}
		}
		if _, err := s.EndOpenSessions(t.Context(), second, false, time.Now()); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
		if n, err := s.EndSessionsOf(t.Context(), a.ID); n != 1 || err != nil {
			t.Errorf("%d ended, %v", n, err)
		}
	})
}

// Of instances that find no key at the same time, one makes it.
func TestOneSigningKey(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		now := time.Now()
		for range 30 { // the first rounds open the connections
			var wg sync.WaitGroup
			begin := make(chan struct{})
			for range 12 {
				wg.Go(func() {
					<-begin
					if err := s.AddSigningKey(t.Context(), []byte("key"), now, now.Add(-time.Hour)); err != nil {
						t.Error(err)
					}
				})
			}
			close(begin)
			wg.Wait()
			if keys, err := s.SigningKeys(t.Context()); err != nil || len(keys) != 1 {
				t.Fatalf("%d keys, %v", len(keys), err)
			}
			if _, err := s.db.Exec(`DELETE FROM challenge_keys`); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// What ended a session is known for a minute by that session alone, and goes with the expired.
func TestDone(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		a, now := newAccount(t, s, "dtest"), time.Now()
		first, second := loggedIn(t, s, a, "1"), loggedIn(t, s, a, "2")
		if d, err := s.Done(t.Context(), []byte("pending 1"), now); d.What != DoneAttached || err != nil {
			t.Errorf("attached: %+v, %v", d, err)
		}
		if _, err := s.Done(t.Context(), first.Hash, now); !errors.Is(err, ErrNotFound) {
			t.Errorf("before anything: %v", err)
		}
		if _, err := s.Detach(t.Context(), first, first.Card, now); err != nil {
			t.Fatal(err)
		}
		if _, err := s.EndOpenSessions(t.Context(), second, false, now); err != nil {
			t.Fatal(err)
		}
		for what, of := range map[string]Session{DoneDetached: first, DoneEverywhere: second} {
			if d, err := s.Done(t.Context(), of.Hash, now); d.What != what || err != nil {
				t.Errorf("%s: %+v, %v", what, d, err)
			}
			if _, err := s.Done(t.Context(), of.Hash, now.Add(DoneLife)); !errors.Is(err, ErrNotFound) {
				t.Errorf("%s, a minute later: %v", what, err)
			}
		}
		if n, err := s.Delete(t.Context(), DoneForms, now.Add(2*DoneLife), 10); n != 4 || err != nil {
			t.Errorf("%d deleted, %v", n, err)
		}
	})
}

// A password that an operator replaced while it was being checked confirms no card: a try may
// wait its turn to be hashed for a while.
func TestReplacedPasswordConfirmsNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		a, now := newAccount(t, s, "dtest"), time.Now()
		c := Card{Group: "test", Identifier: "1", Named: true}
		pending, _, err := s.Login(t.Context(), c, nil, Session{Hash: []byte("pending")}, now, time.Minute, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.ResetPassword(t.Context(), a.ID, "another"); err != nil {
			t.Fatal(err)
		}
		if err := s.Confirmable(t.Context(), pending.Hash, a.ID, a.Password); !errors.Is(err, ErrPasswordReplaced) {
			t.Errorf("by the old password: %v", err)
		}
		pending.PendingAccount = a.ID
		if _, err := s.Confirm(t.Context(), pending, Session{Hash: []byte("in")}, nil, now); !errors.Is(err, ErrExpired) {
			t.Errorf("the old password let a card in: %v", err)
		}
		if err := s.Confirmable(t.Context(), pending.Hash, a.ID, "another"); err != nil {
			t.Errorf("by the new password: %v", err)
		}
	})
}
