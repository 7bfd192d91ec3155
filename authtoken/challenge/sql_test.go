package challenge

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
	_ "modernc.org/sqlite"
)

// eachDatabase plays a test on each kind of database, each time on an empty one that several
// instances open.
func eachDatabase(t *testing.T, play func(t *testing.T, dialect Dialect, open func() *sql.DB)) {
	t.Run("SQLite", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "site.db")
		play(t, SQLite, func() *sql.DB {
			return opened(t, "sqlite", "file:"+path+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)")
		})
	})
	for name, on := range more {
		t.Run(name, func(t *testing.T) { on(t, play) })
	}
}

// more are the databases that need a server.
var more = map[string]func(t *testing.T, play func(t *testing.T, dialect Dialect, open func() *sql.DB)){}

func opened(t *testing.T, driver, source string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func newSQL(t *testing.T, db *sql.DB, dialect Dialect, now func() time.Time) *SQL {
	t.Helper()
	s, err := NewSQL(t.Context(), db, dialect, now)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func count(t *testing.T, db *sql.DB, table string) (n int) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM "+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// A challenge of one instance is answered at another, once, and strangers' requests write
// nothing.
func TestInstances(t *testing.T) {
	eachDatabase(t, func(t *testing.T, dialect Dialect, open func() *sql.DB) {
		db := open()
		one, other := serve(t, newSQL(t, db, dialect, nil), false), serve(t, newSQL(t, open(), dialect, nil), false)
		b := one.browser(t)
		nonce := b.challenge()
		for range 20 {
			one.browser(t).challenge()
		}
		if keys, nonces := count(t, db, "cpx_challenge_keys"), count(t, db, "cpx_used_nonces"); keys != 1 || nonces != 0 {
			t.Errorf("%d keys, %d nonces", keys, nonces)
		}
		cookies := b.cookies()
		at := other.browser(t)
		at.has(cookies...)
		want(t, "at the other", at.login(nonce), "")
		want(t, "at the first, once more", b.login(nonce), "challenge_expired")
		if n := count(t, db, "cpx_used_nonces"); n != 1 {
			t.Errorf("%d nonces", n)
		}
	})
}

// Of many logins at all instances with one token one succeeds.
func TestUsedOnceInTheDatabase(t *testing.T) {
	eachDatabase(t, func(t *testing.T, dialect Dialect, open func() *sql.DB) {
		const instances = 4
		var stores []*SQL
		var wg sync.WaitGroup
		var mu sync.Mutex
		for range instances {
			db := open()
			wg.Go(func() { // all make the tables at the same time
				s, err := NewSQL(t.Context(), db, dialect, nil)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				stores = append(stores, s)
			})
		}
		wg.Wait()
		if len(stores) != instances {
			t.FailNow()
		}
		until := time.Now().Add(Lifetime)
		for round := range 5 {
			good := 0
			for i := range 20 {
				wg.Go(func() {
					fresh, err := stores[i%instances].Use(t.Context(), fmt.Sprint("nonce ", round), until)
					if err != nil {
						t.Error(err)
					}
					if fresh {
						mu.Lock()
						defer mu.Unlock()
						good++
					}
				})
			}
			wg.Wait()
			if good != 1 {
				t.Errorf("%d instances used it", good)
			}
		}
	})
}

// A key signs for a day, and is known as long as a challenge of it may come; what has ended
// is deleted.
func TestKeysChange(t *testing.T) {
	eachDatabase(t, func(t *testing.T, dialect Dialect, open func() *sql.DB) {
		var mu sync.Mutex
		at := time.Now()
		now := func() time.Time { mu.Lock(); defer mu.Unlock(); return at }
		pass := func(d time.Duration) { mu.Lock(); defer mu.Unlock(); at = at.Add(d) }
		db := open()
		one, other := newSQL(t, db, dialect, now), newSQL(t, open(), dialect, now)
		number := func(s *SQL) uint32 {
			t.Helper()
			n, key, err := s.SigningKey(t.Context())
			if err != nil || len(key) != 32 {
				t.Fatal(n, key, err)
			}
			return n
		}
		first := number(one)
		if n := number(other); n != first {
			t.Errorf("%d at the other, %d at the first", n, first)
		}
		pass(keyLife)
		second := number(one)
		if second == first {
			t.Error("the key does not change")
		}
		pass(time.Second)
		for _, n := range []uint32{first, second} {
			if key, err := other.Key(t.Context(), n); err != nil || key == nil {
				t.Errorf("key %d: %v %v", n, key, err)
			}
		}
		for day := range 5 {
			number(one)
			if fresh, err := one.Use(t.Context(), fmt.Sprint(day), now().Add(Lifetime)); err != nil || !fresh {
				t.Fatal(fresh, err)
			}
			pass(keyLife)
		}
		last := number(one)
		pass(time.Hour)
		if _, err := one.Use(t.Context(), "one more", now().Add(Lifetime)); err != nil { // and deletes
			t.Fatal(err)
		}
		pass(Lifetime)
		if key, err := newSQL(t, open(), dialect, now).Key(t.Context(), last); err != nil || key == nil {
			t.Errorf("an instance that has just begun does not know the last key: %v", err)
		}
		if keys, nonces := count(t, db, "cpx_challenge_keys"), count(t, db, "cpx_used_nonces"); keys > 3 || nonces != 1 {
			t.Errorf("%d keys, %d nonces", keys, nonces)
		}
	})
}

// Whoever forges numbers of keys asks the database no more than once a second.
func TestForgedNumbersAskRarely(t *testing.T) {
	eachDatabase(t, func(t *testing.T, dialect Dialect, open func() *sql.DB) {
		at := time.Now()
		s := newSQL(t, open(), dialect, func() time.Time { return at })
		if _, err := s.Key(t.Context(), 7); err != nil {
			t.Fatal(err)
		}
		ended, end := context.WithCancel(t.Context())
		end()
		for n := range uint32(100) {
			if key, err := s.Key(ended, 1<<31+n); err != nil || key != nil {
				t.Fatalf("a forged number asks the database: %v %v", key, err)
			}
		}
		at = at.Add(time.Second)
		if _, err := s.Key(ended, 8); err == nil {
			t.Error("what another instance made is never looked for")
		}
	})
}

// A database that is gone is an error, and never a login.
func TestDatabaseGone(t *testing.T) {
	eachDatabase(t, func(t *testing.T, dialect Dialect, open func() *sql.DB) {
		db := open()
		s := newSQL(t, db, dialect, nil)
		c, err := New(Options{Store: s, HTTPS: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if fresh, err := s.Use(t.Context(), authtoken.NewNonce(), time.Now()); fresh || err == nil {
			t.Error(fresh, err)
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, origin, nil)
		if err != nil {
			t.Fatal(err)
		}
		if nonce, err := c.Issue(nil, r); nonce != "" || err == nil {
			t.Error(nonce, err)
		}
	})
	if _, err := NewSQL(t.Context(), nil, 0, nil); err == nil {
		t.Error("a database of no kind")
	}
}
