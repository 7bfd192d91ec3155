package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"testing"
	"time"
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

// One that fails, panics or is withdrawn leaves nothing, and the others do not notice.
func TestSharedFailure(t *testing.T) {
	s := sharingStore(t)
	nonce := func(name string) func() error {
		return func() error { _, err := s.UseNonce(t.Context(), name, time.Now()); return err }
	}
	failure := errors.New("TEST")
	ctx, end := context.WithCancel(t.Context())
	began := false
	errs := asking(t, s, nonce("first"),
		func() error {
			return s.together(t.Context(), func(q querier) error {
				if _, err := q.exec(t.Context(), `INSERT INTO used_nonces (nonce, until) VALUES ('of the failure', 0)`); err != nil {
					return err
				}
				return failure
			})
		},
		nonce("third"),
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

// A transaction whose code panics ends; the next ones go on.
func TestSharedPanic(t *testing.T) {
	s := sharingStore(t)
	func() {
		defer func() { _ = recover() }()
		_ = s.together(t.Context(), func(querier) error { panic("TEST") })
		t.Error("no panic")
	}()
	if fresh, err := s.UseNonce(t.Context(), "next", time.Now()); !fresh || err != nil {
		t.Errorf("%v, %v", fresh, err)
	}
}
