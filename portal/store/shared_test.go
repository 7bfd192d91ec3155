package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/postgres"
)

// asking starts transactions while another runs, and returns once all are waited with, and what
// ends the other one.
func asking(t *testing.T, s *Store, all ...func() error) (errs func() []error) {
	t.Helper()
	s.sharing.running <- struct{}{}
	answers := make([]chan error, len(all))
	for i, one := range all {
		answers[i] = make(chan error, 1)
		go func() { answers[i] <- one() }()
		for n := 0; n <= i; runtime.Gosched() { // one after the other, so that their order is known
			s.sharing.mu.Lock()
			n = len(s.sharing.asked)
			s.sharing.mu.Unlock()
		}
	}
	return func() (list []error) {
		<-s.sharing.running
		for _, one := range answers {
			list = append(list, <-one)
		}
		return list
	}
}

func sharingStore(t *testing.T) *Store {
	t.Helper()
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "portal.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// Those that ask while another runs wait for the disk once, together.
func TestTransactionsAreShared(t *testing.T) {
	s := sharingStore(t)
	var all []func() error
	for i := range 20 {
		all = append(all, func() error {
			fresh, err := s.UseNonce(t.Context(), fmt.Sprint("nonce ", i/2), time.Now())
			if err == nil && fresh != (i%2 == 0) {
				err = fmt.Errorf("nonce %d of two of each: new is %v", i, fresh)
			}
			return err
		})
	}
	errs := asking(t, s, all...)
	before := s.Statements()
	if err := errors.Join(errs()...); err != nil {
		t.Error(err)
	}
	if n := s.Statements() - before; n != 20+2 {
		t.Errorf("%d statements, want one of each and one transaction", n)
	}
}

// One that fails or is withdrawn leaves nothing, and the others do not notice.
func TestSharedFailure(t *testing.T) {
	s := sharingStore(t)
	failure := errors.New("TEST")
	ctx, end := context.WithCancel(t.Context())
	began := false
	errs := asking(t, s, nonceOf(t, s, "first"),
		func() error {
			return s.together(t.Context(), func(q querier) error {
				if _, err := q.exec(t.Context(), `INSERT INTO used_nonces (nonce, until) VALUES ('of the failure', 0)`); err != nil {
					return err
				}
				return failure
			})
		},
		nonceOf(t, s, "third"),
		func() error { return s.together(ctx, func(querier) error { began = true; return nil }) })
	end()
	for n := 4; n > 3; runtime.Gosched() { // it withdraws
		s.sharing.mu.Lock()
		n = len(s.sharing.asked)
		s.sharing.mu.Unlock()
	}
	list := errs()
	if list[0] != nil || !errors.Is(list[1], failure) || list[2] != nil || !errors.Is(list[3], context.Canceled) || began {
		t.Errorf("%v, withdrawn began: %v", list, began)
	}
	var names string
	if err := s.db.QueryRow(`SELECT group_concat(nonce) FROM (SELECT nonce FROM used_nonces ORDER BY nonce)`).Scan(&names); err != nil || names != "first,third" {
		t.Errorf("%q, %v", names, err)
	}
}

// What panics is its own caller's: the others have what they did, and no answer of another's.
func TestSharedPanic(t *testing.T) {
	s := sharingStore(t)
	refused := &DisabledError{42}
	var panicked any
	errs := asking(t, s, nonceOf(t, s, "first"),
		func() error { return s.AddAudit(t.Context(), AuditEvent{Event: "login", At: time.Now()}) },
		func() error { return s.together(t.Context(), func(querier) error { return refused }) },
		func() (err error) {
			defer func() { panicked = recover() }()
			return s.together(t.Context(), func(querier) error { panic("TEST") })
		},
		nonceOf(t, s, "last"))
	list := errs()
	if err := errors.Join(list[0], list[1], list[4]); err != nil {
		t.Error(err)
	}
	if list[2] != error(refused) || list[3] != nil || panicked != "TEST" {
		t.Errorf("refused: %v; panicked: %v, %v", list[2], panicked, list[3])
	}
	if n := rowsOf(t, s, "used_nonces") + rowsOf(t, s, "audit"); n != 3 {
		t.Errorf("%d rows, want those of the three that went well", n)
	}
}

// Where one is refused, the others are done once more, together, whatever their number.
func TestSharedRefusal(t *testing.T) {
	s := sharingStore(t)
	done := 0
	var all []func() error
	for i := range most {
		all = append(all, func() error {
			return s.together(t.Context(), func(q querier) error {
				if done++; i == most-1 {
					return ErrNotFound
				}
				_, err := q.exec(t.Context(), `INSERT INTO used_nonces (nonce, until) VALUES ($1, 0)`, fmt.Sprint(i))
				return err
			})
		})
	}
	for i, err := range asking(t, s, all...)() {
		if want := i == most-1; errors.Is(err, ErrNotFound) != want || err != nil != want {
			t.Errorf("%d: %v", i, err)
		}
	}
	if n := rowsOf(t, s, "used_nonces"); n != most-1 || done != 2*most {
		t.Errorf("%d rows after %d", n, done)
	}
}

// Where SQLite itself undoes all for the sake of one, the others are done all the same.
func TestSharedUndone(t *testing.T) {
	s := sharingStore(t)
	full := func() error {
		return s.together(t.Context(), func(q querier) error {
			if _, err := q.exec(t.Context(), `INSERT INTO used_nonces (nonce, until) VALUES ('full', 0)`); err != nil {
				return err
			}
			_, err := q.exec(t.Context(), `INSERT OR ROLLBACK INTO used_nonces (nonce, until) VALUES ('full', 0)`)
			return err
		})
	}
	list := asking(t, s, nonceOf(t, s, "first"), full, nonceOf(t, s, "last"))()
	if list[0] != nil || list[1] == nil || list[2] != nil || rowsOf(t, s, "used_nonces") != 2 {
		t.Errorf("%v, %d rows", list, rowsOf(t, s, "used_nonces"))
	}
}

// While another program has the lock, each waits as long as it may, and no longer.
func TestSharedDeadline(t *testing.T) {
	path := filepath.Join(t.TempDir(), "portal.db")
	s, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	other, err := connect(path, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close() })
	lock, err := other.Begin()
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	answers := make(chan error, 2)
	go func() { answers <- s.together(ctx, func(querier) error { return nil }) }()
	for len(s.sharing.running) == 0 { // it waits for the lock
		runtime.Gosched()
	}
	end()
	if err := <-answers; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := lock.Rollback(); err != nil {
		t.Fatal(err)
	}
	if fresh, err := s.UseNonce(t.Context(), "next", time.Now()); !fresh || err != nil {
		t.Errorf("%v, %v", fresh, err)
	}
}

// contended is a store that waits 50 ms for the lock, and a connection of another program's to
// its database, which waits so long.
func contended(t *testing.T, patience time.Duration) (*Store, *sql.DB) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "portal.db")
	made, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	_ = made.Close()
	db, err := connect(path, 50*time.Millisecond, "foreign_keys(1)", "journal_mode(WAL)")
	if err != nil {
		t.Fatal(err)
	}
	s := &Store{db: db, dialect: sqliteDialect, sharing: newSharing()}
	t.Cleanup(func() { _ = s.Close() })
	other, err := connect(path, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close() })
	return s, other
}

// Who has waited for the lock as long as SQLite does is not made to wait again, one after the other.
func TestSharedLocked(t *testing.T) {
	s, other := contended(t, 0)
	lock, err := other.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Rollback() }()
	before := s.Statements()
	for i, err := range asking(t, s, nonceOf(t, s, "first"), nonceOf(t, s, "second"), nonceOf(t, s, "third"))() {
		if err == nil {
			t.Errorf("%d is done", i)
		}
	}
	if n := s.Statements() - before; n != 1 {
		t.Errorf("the lock was waited for %d times", n)
	}
}

// Where another program gets the lock after one was refused, that one is told why it was, and the
// others that the lock is held.
func TestSharedRefusedThenLocked(t *testing.T) {
	s, other := contended(t, time.Minute)
	locked := make(chan *sql.Tx, 1)
	begin := sync.OnceFunc(func() { go func() { lock, _ := other.Begin(); locked <- lock }() })
	refused := &DisabledError{42}
	list := asking(t, s, nonceOf(t, s, "first"), func() error {
		return s.together(t.Context(), func(querier) error {
			begin() // once this transaction is undone
			return refused
		})
	}, nonceOf(t, s, "last"))
	errs := list()
	lock := <-locked
	if errs[1] != error(refused) || (errs[0] == nil) != (errs[2] == nil) {
		t.Errorf("%v", errs)
	}
	if lock != nil {
		_ = lock.Rollback()
	}
	if fresh, err := s.UseNonce(t.Context(), "next", time.Now()); !fresh || err != nil {
		t.Errorf("%v, %v", fresh, err)
	}
}

// The row of a login that could not be written is made anew of the session that began in the end.
func TestRowOfTheSessionThatBegan(t *testing.T) {
	s := sharingStore(t)
	a := newAccount(t, s, "dtest")
	in := loggedIn(t, s, a, "1")
	if _, err := s.db.Exec(`CREATE TRIGGER TEST BEFORE INSERT ON audit WHEN NEW.event = 'login' BEGIN SELECT RAISE(ABORT, 'TEST'); END`); err != nil {
		t.Fatal(err)
	}
	var last Session
	removed := make(chan error, 1)
	meanwhile := sync.OnceFunc(func() {
		go func() { _, _, err := s.Remove(t.Context(), in.Card); removed <- err }()
		for n := 0; n == 0; runtime.Gosched() {
			s.sharing.mu.Lock()
			n = len(s.sharing.asked)
			s.sharing.mu.Unlock()
		}
	})
	got, written, err := s.Login(t.Context(), Card{Group: "test", Identifier: "1", Named: true}, nil, Session{Hash: []byte("next")}, time.Now(), time.Minute, func(x Session) AuditEvent {
		last = x
		meanwhile()
		return AuditEvent{Event: "login", At: time.Now(), Account: x.Account, Card: x.Card}
	})
	if err := errors.Join(err, <-removed); err != nil || written || last.Account != got.Account || last.Card != got.Card || (last.Pending == nil) != (got.Pending == nil) {
		t.Errorf("row of %+v, session %+v, written %v, %v", last, got, written, err)
	}
}

// A login whose answer PostgreSQL's server had sent in vain is the one that is found, and not begun anew.
func TestLoginWhoseAnswerWasLost(t *testing.T) {
	s, err := Open(t.Context(), postgres.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	a := newAccount(t, s, "dtest")
	in := loggedIn(t, s, a, "1")
	c, next := Card{Group: "test", Identifier: "1", Named: true}, Session{Hash: []byte("next")}
	row := func(x Session) AuditEvent {
		return AuditEvent{Event: "login", At: time.Now(), Account: x.Account, Card: x.Card}
	}
	if _, done := s.loginAtOnce(t.Context(), c, nil, next, time.Now(), row); !done {
		t.Fatal("not done")
	}
	got, written, err := s.Login(t.Context(), c, nil, next, time.Now(), time.Minute, row)
	if err != nil || !written || got.Account != in.Account || got.Card != in.Card {
		t.Errorf("%+v, written %v, %v", got, written, err)
	}
	var sessions, rows int
	if err := s.db.QueryRow(`SELECT (SELECT count(*) FROM sessions WHERE id = 'next'::bytea), (SELECT count(*) FROM audit WHERE event = 'login')`).Scan(&sessions, &rows); err != nil || sessions != 1 || rows != 1 {
		t.Errorf("%d sessions, %d rows, %v", sessions, rows, err)
	}
}

func nonceOf(t *testing.T, s *Store, name string) func() error {
	return func() error { _, err := s.UseNonce(t.Context(), name, time.Now()); return err }
}

func rowsOf(t *testing.T, s *Store, table string) (n int) {
	t.Helper()
	if err := s.db.QueryRow(`SELECT count(*) FROM ` + table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
