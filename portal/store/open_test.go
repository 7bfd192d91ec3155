package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/portallab"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/postgres"
)

// TestDatabaseInUse: a new database that another connection reads meanwhile is prepared once
// that one has ended, and not waited for without end.
func TestDatabaseInUse(t *testing.T) {
	path := "file:" + t.TempDir() + "/portal.db"
	reader, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = reader.Close() })
	if _, err := reader.Exec(`CREATE TABLE others (n)`); err != nil {
		t.Fatal(err)
	}
	tx, err := reader.Begin()
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := tx.QueryRow(`SELECT COUNT(*) FROM others`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	file := strings.TrimPrefix(path, "file:")
	upgrade := func() error { return upgradeSQLite(t.Context(), file) }
	o := fakeOpening(nil)
	if err := o.prepare(t.Context(), busy, upgrade); !busy(err) || o.pauses != 5 {
		t.Errorf("%v after %d pauses", err, o.pauses)
	}
	o = fakeOpening(func() { _, _ = tx.Rollback(), reader.Close() })
	if err := o.prepare(t.Context(), busy, upgrade); err != nil || o.pauses != 1 {
		t.Errorf("%v after %d pauses", err, o.pauses)
	}
}

// TestDatabaseWriteLocked: a database that is to be upgraded while another connection may
// write it is given up after the patience, of which SQLite's own wait is no part, and at
// once when the portal is stopped.
func TestDatabaseWriteLocked(t *testing.T) {
	path := t.TempDir() + "/portal.db"
	other, err := connect(path, 0, "journal_mode(WAL)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close() })
	tx, err := other.Begin() // immediate
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback() })
	// Of six tries that wait in SQLite, the third would meet the end.
	ctx, end := context.WithTimeout(t.Context(), 2*patience)
	defer end()
	o := fakeOpening(nil)
	if _, err := o.sqlite(ctx, path); !busy(err) || o.pauses != 5 || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v after %d pauses", err, o.pauses)
	}
	stopped, stop := context.WithCancel(t.Context())
	o = fakeOpening(nil)
	o.pause = func() <-chan time.Time { stop(); o.pauses++; return nil } // never over
	if _, err := o.sqlite(stopped, path); !errors.Is(err, context.Canceled) || o.pauses != 1 {
		t.Errorf("%v after %d pauses", err, o.pauses)
	}
}

// counted is an opening whose pauses are over at once, and a second long by its clock.
type counted struct {
	opening
	pauses int
}

func fakeOpening(meanwhile func()) *counted {
	c := &counted{}
	c.opening = opening{
		now: func() time.Time { return time.Unix(int64(c.pauses), 0) },
		pause: func() <-chan time.Time {
			c.pauses++
			if meanwhile != nil {
				meanwhile()
			}
			over := make(chan time.Time)
			close(over)
			return over
		},
	}
	return c
}

// A later version's database is left alone.
func TestNewerDatabase(t *testing.T) {
	later := map[string]string{"SQLite": fmt.Sprintf(`PRAGMA user_version = %d`, schemaVersion+1), "PostgreSQL": fmt.Sprintf(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (%d, true)`, schemaVersion+1)}
	for kind, database := range map[string]string{"SQLite": filepath.Join(t.TempDir(), "portal.db"), "PostgreSQL": postgres.Database(t)} {
		t.Run(kind, func(t *testing.T) {
			s, err := Open(t.Context(), database)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.db.Exec(later[kind]); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			var before []byte
			if kind == "SQLite" {
				if before, err = os.ReadFile(database); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := Open(t.Context(), database); !errors.Is(err, ErrNewerDatabase) {
				t.Errorf("%v", err)
			}
			if kind == "SQLite" {
				if after, err := os.ReadFile(database); err != nil || string(after) != string(before) {
					t.Errorf("it was changed, %v", err)
				}
			}
		})
	}
}

// A file that is no database is refused as such, and not changed.
func TestRefusedDatabase(t *testing.T) {
	dir := t.TempDir()
	path := portallab.WriteFile(t, dir, "portal.db", strings.Repeat("this is a letter, no database\n", 100))
	if s, err := Open(t.Context(), path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("%v, %v", s, err)
	}
	if _, err := Open(t.Context(), filepath.Join(dir, "none", "portal.db")); err == nil {
		t.Error("a database in a folder that does not exist was accepted")
	}
}
