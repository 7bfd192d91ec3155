package store

import (
	"errors"
	"path/filepath"
	"testing"
	"time"
)

// TestSessionOfADisabledAccount: a session that began at the moment at which its account was
// disabled, so that disabling did not see it, is none.
func TestSessionOfADisabledAccount(t *testing.T) {
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "portal.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	addOne(t, s, "test.une")
	now, c := time.Now(), Card{Group: "test", Identifier: "1", Certificate: "ab", Named: true}
	pending, _, err := s.Login(t.Context(), c, nil, Session{Hash: []byte("pending")}, now, time.Minute, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Confirmable(t.Context(), pending.Hash, 1, ""); err != nil {
		t.Fatal(err)
	}
	pending.PendingAccount = 1
	if _, err := s.Confirm(t.Context(), pending, Session{Hash: []byte("session")}, nil, now); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Session(t.Context(), []byte("session")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.q().exec(t.Context(), `UPDATE accounts SET disabled = 1`); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Session(t.Context(), []byte("session")); !errors.Is(err, ErrNotFound) {
		t.Errorf("it goes on: %v", err)
	}
}
