package keyring

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// Secret services as they are reported, played by one of the tests' own.

var database, wallet = testdesktop.CollectionAt("base"), testdesktop.CollectionAt("wallet")

func serve(t *testing.T, s *testdesktop.SecretService) *testdesktop.SecretService {
	t.Helper()
	testdesktop.UseBus(t, s.Serve(t))
	return s
}

// stores stores a secret and reads it again.
func stores(t *testing.T, r Ring, secret string) {
	t.Helper()
	if err := r.Set(t.Context(), "TEST", secret); err != nil {
		t.Fatal(err)
	}
	if got, err := r.Get(t.Context(), "TEST"); err != nil || got != secret {
		t.Fatalf("%q %v", got, err)
	}
}

// all are the errors of each call, in which none may differ.
func all(ctx context.Context, r Ring) []error {
	_, err := r.Get(ctx, "TEST")
	return []error{r.Check(ctx), err, r.Set(ctx, "TEST", "x"), r.Delete(ctx, "TEST")}
}

// A wallet that the session opened says that it is locked until somebody calls
// Unlock, which then asks nobody.
func TestOpenedByTheSession(t *testing.T) {
	s := serve(t, &testdesktop.SecretService{Collections: []dbus.ObjectPath{wallet}, Default: wallet, Locked: true})
	if err := (Ring{}).Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	stores(t, Ring{}, "one")
	if calls := s.Calls(); calls != "Unlock CreateItem:wallet" {
		t.Error(calls)
	}
}

// A wallet that only the person can open stays locked, and its prompt is dismissed:
// they are asked only where they wait for it.
func TestPromptIsDismissed(t *testing.T) {
	s := serve(t, &testdesktop.SecretService{Collections: []dbus.ObjectPath{wallet}, Default: wallet, Locked: true, Prompts: true, PromptOpens: true})
	for _, err := range all(t.Context(), Ring{}) {
		if !errors.Is(err, ErrLocked) || errors.Is(err, ErrEntryLocked) {
			t.Error(err)
		}
	}
	if calls := s.Calls(); calls != strings.TrimSpace(strings.Repeat("Unlock Dismiss ", 4)) {
		t.Error(calls)
	}
	stores(t, Ring{Unlock: true}, "one")
	if calls := s.Calls(); strings.Count(calls, "Prompt") != 1 {
		t.Error(calls)
	}
}

func TestPersonRefuses(t *testing.T) {
	s := serve(t, &testdesktop.SecretService{Collections: []dbus.ObjectPath{wallet}, Default: wallet, Locked: true, Prompts: true})
	for _, err := range all(t.Context(), Ring{Unlock: true}) {
		if !errors.Is(err, ErrLocked) {
			t.Error(err)
		}
	}
	if calls := s.Calls(); strings.Count(calls, "Prompt") != 4 {
		t.Error(calls)
	}
}

// Where there is nothing that lasts, nothing is created and nothing is stored: what is
// in "session" is forgotten with it.
func TestNoCollection(t *testing.T) {
	for name, s := range map[string]*testdesktop.SecretService{
		"none":                        {},
		"for the session only":        {Collections: []dbus.ObjectPath{sessionCollection}},
		"the session's by default":    {Collections: []dbus.ObjectPath{sessionCollection}, Default: sessionCollection},
		"an alias of a deleted one":   {Default: database},
		"a name without a collection": {Default: "/"},
	} {
		t.Run(name, func(t *testing.T) {
			serve(t, s)
			for _, ask := range []bool{false, true} {
				for _, err := range all(t.Context(), Ring{Unlock: ask}) {
					if !errors.Is(err, ErrNoCollection) {
						t.Error(err)
					}
				}
			}
			if s.Calls() != "" {
				t.Error(s.Calls())
			}
		})
	}
}

// Another collection serves where no "login" and no default one is.
func TestAnotherCollection(t *testing.T) {
	for name, standard := range map[string]dbus.ObjectPath{"no alias": "/", "an alias of a deleted one": wallet, "the session's": sessionCollection} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, &testdesktop.SecretService{Collections: []dbus.ObjectPath{sessionCollection, database}, Default: standard})
			stores(t, Ring{}, "one")
			if s.Calls() != "CreateItem:base" {
				t.Error(s.Calls())
			}
		})
	}
}

// A key stays the one that it was where the person makes another collection the
// default one: a list that it seals would be taken for lost.
func TestDefaultChanges(t *testing.T) {
	s := serve(t, &testdesktop.SecretService{Collections: []dbus.ObjectPath{wallet, database}, Default: database})
	stores(t, Ring{}, "one")
	s.SetDefault(wallet)
	if got, err := (Ring{}).Get(t.Context(), "TEST"); err != nil || got != "one" {
		t.Fatalf("%q %v", got, err)
	}
	stores(t, Ring{}, "two")
	if s.Calls() != "CreateItem:base SetSecret" {
		t.Error(s.Calls())
	}
}

// A key in a collection that is locked is not taken for lost because another is open:
// its owner would make a new one.
func TestAnotherIsLocked(t *testing.T) {
	s := serve(t, &testdesktop.SecretService{Collections: []dbus.ObjectPath{wallet, database}, Default: database})
	stores(t, Ring{}, "one")
	s.SetDefault(wallet)
	s.Close(database)
	if _, err := (Ring{}).Get(t.Context(), "TEST"); !errors.Is(err, ErrLocked) || errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if err := (Ring{}).Delete(t.Context(), "TEST"); !errors.Is(err, ErrLocked) {
		t.Error(err)
	}
	if err := (Ring{}).Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// A person who says no to a deletion has kept the entry.
func TestDeletionIsRefused(t *testing.T) {
	serve(t, &testdesktop.SecretService{Collections: []dbus.ObjectPath{database}, Default: database, DeleteAsks: true})
	stores(t, Ring{}, "one")
	if err := (Ring{Unlock: true}).Delete(t.Context(), "TEST"); !errors.Is(err, ErrEntryLocked) {
		t.Error(err)
	}
	if got, err := (Ring{}).Get(t.Context(), "TEST"); err != nil || got != "one" {
		t.Errorf("%q %v", got, err)
	}
}

// A person who says no to a new entry has stored nothing: a list must not be sealed
// by a key that is nowhere.
func TestCreationIsRefused(t *testing.T) {
	serve(t, &testdesktop.SecretService{Collections: []dbus.ObjectPath{database}, Default: database, CreateAsks: true})
	if err := (Ring{}).Set(t.Context(), "TEST", "one"); !errors.Is(err, ErrEntryLocked) {
		t.Error(err)
	}
}

// An entry that wants a yes for each access is told from a keyring that is locked.
func TestEntryLocked(t *testing.T) {
	s := serve(t, &testdesktop.SecretService{Collections: []dbus.ObjectPath{database}, Default: database, PromptOpens: true})
	stores(t, Ring{}, "one")
	s.LockEntries()
	if _, err := (Ring{}).Get(t.Context(), "TEST"); !errors.Is(err, ErrEntryLocked) || !errors.Is(err, ErrLocked) {
		t.Error(err)
	}
	if strings.Contains(s.Calls(), "Prompt") {
		t.Error(s.Calls())
	}
	if got, err := (Ring{Unlock: true}).Get(t.Context(), "TEST"); err != nil || got != "one" {
		t.Errorf("%q %v", got, err)
	}
}

// TestKeePassXC is Debian's own.
func TestKeePassXC(t *testing.T) {
	t.Run("a group is exposed", func(t *testing.T) {
		testdesktop.UseBus(t, testdesktop.NewKeePassXC(t, testdesktop.KeePassXCOptions{Exposed: true}).Bus)
		if err := (Ring{}).Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := (Ring{}).Get(t.Context(), "TEST"); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
		stores(t, Ring{}, "one")
		stores(t, Ring{}, "two")
		if err := (Ring{}).Delete(t.Context(), "TEST"); err != nil {
			t.Error(err)
		}
		if _, err := (Ring{}).Get(t.Context(), "TEST"); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
	})
	t.Run("no group is exposed", func(t *testing.T) {
		testdesktop.UseBus(t, testdesktop.NewKeePassXC(t, testdesktop.KeePassXCOptions{}).Bus)
		for _, err := range all(t.Context(), Ring{}) {
			if !errors.Is(err, ErrNoCollection) {
				t.Error(err)
			}
		}
	})
	t.Run("its database is locked", func(t *testing.T) {
		testdesktop.UseBus(t, testdesktop.NewKeePassXC(t, testdesktop.KeePassXCOptions{Exposed: true, Locked: true}).Bus)
		for range 2 { // what a prompt that was dismissed leaves behind must not hold up the next
			for _, err := range all(t.Context(), Ring{}) {
				if !errors.Is(err, ErrLocked) {
					t.Error(err)
				}
			}
		}
	})
	t.Run("each access is confirmed", func(t *testing.T) {
		testdesktop.UseBus(t, testdesktop.NewKeePassXC(t, testdesktop.KeePassXCOptions{Exposed: true, Confirm: true}).Bus)
		if err := (Ring{}).Set(t.Context(), "TEST", "one"); err != nil {
			t.Fatal(err)
		}
		if _, err := (Ring{}).Get(t.Context(), "TEST"); !errors.Is(err, ErrEntryLocked) {
			t.Error(err)
		}
	})
}
