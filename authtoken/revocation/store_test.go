package revocation

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/postgres"
)

// stores are all of them, empty: a real PostgreSQL among them.
func stores(t *testing.T) map[string]Store {
	t.Helper()
	folder, err := NewFolder(filepath.Join(t.TempDir(), "lists"))
	if err != nil {
		t.Fatal(err)
	}
	return map[string]Store{"folder": folder, "PostgreSQL": openSQL(t, "pgx", postgres.Database(t), PostgreSQL),
		"SQLite": openSQL(t, "sqlite", "file:"+filepath.Join(t.TempDir(), "lists.db")+"?_pragma=busy_timeout(5000)", SQLite)}
}

func openSQL(t *testing.T, driver, address string, dialect Dialect) *SQL {
	t.Helper()
	db, err := sql.Open(driver, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	for range 2 { // the table is there the second time
		if _, err := NewSQL(t.Context(), db, dialect); err != nil {
			t.Fatal(err)
		}
	}
	s, err := NewSQL(t.Context(), db, dialect)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestStores: what was saved is loaded, a body that is known is not, and an older list
// replaces none.
func TestStores(t *testing.T) {
	for name, store := range stores(t) {
		t.Run(name, func(t *testing.T) { testStore(t, store) })
	}
}

func testStore(t *testing.T, store Store) {
	ctx := t.Context()
	load := func(known string) Stored {
		t.Helper()
		s, err := store.Load(ctx, "http://crl.example.fr/é.crl", known)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	save := func(s Stored) {
		t.Helper()
		if err := store.Save(ctx, "http://crl.example.fr/é.crl", s); err != nil {
			t.Fatal(err)
		}
	}
	if s := load(""); s.Sum != "" || s.Body != nil {
		t.Fatalf("%+v", s)
	}
	update := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	first := Stored{Body: bytes.Repeat([]byte{0, 1, 255}, 5000), Sum: "one", ThisUpdate: update, Fetched: update.Add(time.Hour), ETag: `W/"é"`, Modified: "Sun"}
	save(first)
	same := func(got, want Stored) {
		t.Helper()
		if !bytes.Equal(got.Body, want.Body) || got.Sum != want.Sum || !got.ThisUpdate.Equal(want.ThisUpdate) || !got.Fetched.Equal(want.Fetched) || got.ETag != want.ETag || got.Modified != want.Modified {
			got.Body, want.Body = nil, nil
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	same(load(""), first)
	known := first
	known.Body = nil
	same(load("one"), known)

	known.Fetched, known.ETag = update.Add(2*time.Hour), "two"
	save(known)
	first.Fetched, first.ETag = known.Fetched, known.ETag
	same(load(""), first)
	other := known
	other.Sum, other.ETag = "another", "three"
	save(other) // of a list that is not there
	same(load(""), first)

	older := Stored{Body: []byte("older"), Sum: "older", ThisUpdate: update.Add(-time.Second), Fetched: update.Add(3 * time.Hour)}
	save(older)
	same(load(""), first)
	newer := Stored{Body: []byte("newer"), Sum: "newer", ThisUpdate: update.Add(time.Second), Fetched: update.Add(3 * time.Hour)}
	save(newer)
	same(load(""), newer)
	if s, err := store.Load(ctx, "http://crl.example.fr/other.crl", ""); err != nil || s.Sum != "" {
		t.Errorf("%+v, %v", s, err)
	}
}

// TestRestart: a list survives a restart without the network, also one whose server is gone
// for good; and a file that was changed, cut or exchanged counts for nothing.
func TestRestart(t *testing.T) {
	for name := range stores(t) {
		t.Run(name, func(t *testing.T) {
			store := stores(t)[name]
			w := newWorld(t)
			chain, lost := w.card(), w.card()
			w.set("/ca.crl", body(w.list(w.pki.Intermediate, listOf(lost[0]))))
			with := func(o *Options) { o.Store = store }
			before := w.checker(with)
			if err := before.Check(t.Context(), chain, w.now); err != nil {
				t.Fatal(err)
			}
			w.saved(before)
			w.set("/ca.crl", http.NotFound)
			w.set("/root.crl", http.NotFound)
			c := w.checker(with)
			if err := c.Check(t.Context(), chain, w.now); err != nil {
				t.Error(err)
			}
			if err := c.Check(t.Context(), lost, w.now); !errors.Is(err, authtoken.ErrRevoked) {
				t.Error(err)
			}
			if n := w.count("/ca.crl"); n != 1 {
				t.Errorf("fetched %d times", n)
			}
			later := &clock{now: w.now.Add(25 * time.Hour)}
			after := w.checker(with, func(o *Options) { o.Now = later.Now })
			if err := after.Check(t.Context(), chain, later.Now()); err == nil || errors.Is(err, authtoken.ErrRevoked) {
				t.Errorf("after its end: %v", err)
			}
			if err := after.Check(t.Context(), lost, later.Now()); !errors.Is(err, authtoken.ErrRevoked) {
				t.Errorf("revoked before its end: %v", err)
			}
		})
	}
}

// TestInstancesShare: what one instance fetched, another takes from the store; one that has
// a newer list does not go back to the store's.
func TestInstancesShare(t *testing.T) {
	for name := range stores(t) {
		t.Run(name, func(t *testing.T) {
			store := stores(t)[name]
			w := newWorld(t)
			chain := w.card()
			with := func(o *Options) { o.Store = store }
			first, second := w.checker(with), w.checker(with)
			for _, c := range []*Checker{first, second} {
				if err := c.Check(t.Context(), chain, w.now); err != nil {
					t.Fatal(err)
				}
				w.saved(c)
			}
			if n := w.count("/ca.crl"); n != 1 {
				t.Errorf("fetched %d times", n)
			}
			w.set("/ca.crl", body(w.list(w.pki.Intermediate, listOf(chain[0]))))
			w.refreshed(first, "/ca.crl", false)
			s, err := second.source(sourceKey{w.at("/ca.crl"), false})
			if err != nil {
				t.Fatal(err)
			}
			flight, err := second.refresh(s, false) // as it does when it is due
			if err != nil {
				t.Fatal(err)
			}
			<-flight.ended
			if err := second.Check(t.Context(), chain, w.now); !errors.Is(err, authtoken.ErrRevoked) {
				t.Errorf("the other instance: %v", err)
			}
			if n := w.count("/ca.crl"); n != 2 {
				t.Errorf("fetched %d times", n)
			}
		})
	}
}

// TestNoRollbackByRestart: what an instance held before it was started anew is not replaced
// by an older list.
func TestNoRollbackByRestart(t *testing.T) {
	for name := range stores(t) {
		t.Run(name, func(t *testing.T) {
			store := stores(t)[name]
			w := newWorld(t)
			older := w.list(w.pki.Intermediate, listOf())
			lost := w.card()
			w.set("/ca.crl", body(w.list(w.pki.Intermediate, listOf(lost[0]))))
			with := func(o *Options) { o.Store = store }
			before := w.checker(with)
			if err := before.Check(t.Context(), lost, w.now); !errors.Is(err, authtoken.ErrRevoked) {
				t.Fatal(err)
			}
			w.saved(before)
			w.set("/ca.crl", body(older))
			c := w.checker(with)
			if err := c.Check(t.Context(), lost, w.now); !errors.Is(err, authtoken.ErrRevoked) {
				t.Error(err)
			}
			w.refreshed(c, "/ca.crl", false)
			if err := c.Check(t.Context(), lost, w.now); !errors.Is(err, authtoken.ErrRevoked) {
				t.Error(err)
			}
			if s := c.Status(); !slices.ContainsFunc(s, func(s ListStatus) bool { return reasonIs(s.Failure, ReasonRollback) }) {
				t.Errorf("%+v", s)
			}
		})
	}
}

// broken is a store that fails.
type broken struct{}

func (*broken) Load(context.Context, string, string) (Stored, error) {
	return Stored{}, errors.New("no database")
}
func (*broken) Save(context.Context, string, Stored) error { return errors.New("no database") }

// TestBrokenStore: a store that fails costs no login.
func TestBrokenStore(t *testing.T) {
	w := newWorld(t)
	if err := w.checker(func(o *Options) { o.Store = &broken{} }).Check(t.Context(), w.card(), w.now); err != nil {
		t.Error(err)
	}
}

// TestSpoiledFiles: what somebody did to a file is found, named, and made good by a fetch.
func TestSpoiledFiles(t *testing.T) {
	for name, spoil := range map[string]func(text []byte) []byte{
		"empty":               func([]byte) []byte { return nil },
		"cut":                 func(text []byte) []byte { return text[:len(text)/2] },
		"of another address":  func(text []byte) []byte { return bytes.Replace(text, []byte("/ca.crl"), []byte("/cb.crl"), 1) },
		"a sum that is none":  func(text []byte) []byte { return bytes.Replace(text, []byte("SHA-256: "), []byte("SHA-256: 0"), 1) },
		"a time that is none": func(text []byte) []byte { return bytes.Replace(text, []byte("Fetched: 2"), []byte("Fetched: x"), 1) },
		"a changed list":      func(text []byte) []byte { return bytes.Replace(text, []byte("AAAA"), []byte("AAAB"), -1) },
	} {
		w := newWorld(t)
		chain := w.card()
		dir := t.TempDir()
		folder, err := NewFolder(dir)
		if err != nil {
			t.Fatal(err)
		}
		with := func(o *Options) { o.Store = folder }
		before := w.checker(with)
		if err := before.Check(t.Context(), chain, w.now); err != nil {
			t.Fatal(err)
		}
		w.saved(before)
		path := folder.path(w.at("/ca.crl"))
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, spoil(text), 0o600); err != nil {
			t.Fatal(err)
		}
		after := w.checker(with)
		if err := after.Check(t.Context(), chain, w.now); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		w.saved(after)
		if files, err := os.ReadDir(dir); err != nil || len(files) != 2 {
			t.Errorf("%s: %v, %v", name, files, err)
		}
	}
}

// TestHeaderCannotBreakTheFile: what a server says stands in one line, or the list is not
// saved.
func TestHeaderCannotBreakTheFile(t *testing.T) {
	folder, err := NewFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := Stored{Body: []byte{1}, Sum: "one", ETag: "a\nAddress: http://other.example.fr/"}
	if err := folder.Save(t.Context(), "http://crl.example.fr/", s); !slices.Contains(Reasons(err), ReasonStore) || !strings.Contains(err.Error(), "line end") {
		t.Error(err)
	}
}
