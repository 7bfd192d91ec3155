package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/postgres"
)

func addOne(t *testing.T, s *Store, name string) {
	t.Helper()
	if err := s.AddAccount(t.Context(), Account{Name: name, Display: "TEST", Service: "TEST"}, time.Now()); err != nil {
		t.Fatal(err)
	}
}

func accountNames(t *testing.T, s *Store) (names []string) {
	t.Helper()
	if err := s.Accounts(t.Context(), func(l Listed) error { names = append(names, l.Name); return nil }); err != nil {
		t.Fatal(err)
	}
	return names
}

// TestBackup: a copy that is made while others write is whole, and what was written before it
// is in it, also what is still in the journal.
func TestBackup(t *testing.T) {
	dir := t.TempDir()
	database, copied := filepath.Join(dir, "portal.db"), filepath.Join(dir, "backup.db")
	s, err := Open(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i := range 50 {
		addOne(t, s, fmt.Sprintf("test.%02d", i))
	}
	var writing sync.WaitGroup
	stop := make(chan struct{})
	other, err := Open(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	writing.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				if err := other.AddAccount(t.Context(), Account{Name: fmt.Sprintf("later.%d", i), Display: "TEST", Service: "TEST"}, time.Now()); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	err = s.Backup(t.Context(), copied)
	close(stop)
	writing.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(copied); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if err := s.Backup(t.Context(), copied); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over another: %v", err)
	}
	second, err := Open(t.Context(), copied)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if names := accountNames(t, second); len(names) < 50 || !strings.HasPrefix(names[len(names)-50], "test.00") {
		t.Errorf("%d accounts: %q", len(names), names)
	}
	rest, err := filepath.Glob(filepath.Join(dir, ".cpx-portal-*"))
	if err != nil || len(rest) > 0 {
		t.Errorf("%q, %v", rest, err)
	}
}

// TestRestore: the copy takes the database's place, whole, with nothing of what its journal
// had; not while the portal runs; and nobody who was logged in then is so again.
func TestRestore(t *testing.T) {
	dir := t.TempDir()
	database, copied := filepath.Join(dir, "portal.db"), filepath.Join(dir, "backup.db")
	s, err := Open(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	addOne(t, s, "test.before")
	if err := s.AddSigningKey(t.Context(), []byte("key"), time.Now(), time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	c := Card{Group: "test", Identifier: "1", Certificate: "ab", Named: true}
	if _, _, err := s.Login(t.Context(), c, nil, Session{Hash: []byte("session")}, time.Now(), time.Minute, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Backup(t.Context(), copied); err != nil {
		t.Fatal(err)
	}
	addOne(t, s, "test.after")
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	if before, err := Restore(t.Context(), database, copied, now); !errors.Is(err, ErrInUse) || before != "" {
		t.Errorf("while it runs: %q, %v", before, err)
	}
	if names := accountNames(t, s); len(names) != 2 {
		t.Errorf("%q", names)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"a file that is none": "no database", "one that is empty": ""} {
		bad := filepath.Join(dir, "bad")
		if err := os.WriteFile(bad, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Restore(t.Context(), database, bad, now); err == nil || !strings.HasPrefix(err.Error(), bad+": ") || strings.Contains(err.Error(), ".restoring") {
			t.Errorf("%s: %v", name, err)
		}
	}
	before, err := Restore(t.Context(), database, copied, now)
	if err != nil || before != database+".20260301T120000Z.bak" {
		t.Fatalf("%q, %v", before, err)
	}
	if s, err = Open(t.Context(), database); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	keys, err := s.SigningKeys(t.Context())
	if names := accountNames(t, s); err != nil || len(names) != 1 || names[0] != "test.before" || len(keys) > 0 {
		t.Errorf("%q, %v, %v", names, keys, err)
	}
	if _, err := s.Session(t.Context(), []byte("session")); !errors.Is(err, ErrNotFound) {
		t.Errorf("a session came back: %v", err)
	}
	old, err := Open(t.Context(), before)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	if names := accountNames(t, old); len(names) != 2 {
		t.Errorf("the one before: %q", names)
	}
}

// TestBackupOfPostgreSQL: that has programs of its own.
func TestBackupOfPostgreSQL(t *testing.T) {
	address := postgres.Database(t)
	s, err := Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Backup(t.Context(), filepath.Join(t.TempDir(), "b")); !errors.Is(err, ErrNotAFile) {
		t.Error(err)
	}
	if _, err := Restore(t.Context(), address, "x", time.Now()); !errors.Is(err, ErrNotAFile) {
		t.Error(err)
	}
}

// TestDumpOfPostgreSQL: what the document says of pg_dump and pg_restore.
func TestDumpOfPostgreSQL(t *testing.T) {
	address, other := postgres.Database(t), postgres.Database(t)
	s, err := Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	addOne(t, s, "test.une")
	dump := filepath.Join(t.TempDir(), "portal.dump")
	for _, args := range [][]string{
		{"pg_dump", "--format=custom", "--file=" + dump, address},
		{"pg_restore", "--clean", "--if-exists", "--no-owner", "--exit-on-error", "--single-transaction", "--dbname=" + other, dump},
	} {
		if out, err := exec.CommandContext(t.Context(), filepath.Join(postgres.Bin(), args[0]), args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	restored, err := Open(t.Context(), other)
	if err != nil {
		t.Fatal(err)
	}
	defer restored.Close()
	if names := accountNames(t, restored); len(names) != 1 || names[0] != "test.une" {
		t.Errorf("%q", names)
	}
	addOne(t, restored, "test.deux") // numbers go on where they were
	if ended, err := restored.EndSessions(t.Context(), 0); err != nil || ended != 0 {
		t.Errorf("%d, %v", ended, err)
	}
}

// The journal of a database that was deleted, as a crash leaves it, does not come back over the
// copy that takes its place, nor does that of a restore that was killed. One that cannot be
// opened is left to whoever knows what it is.
func TestRestoreBesideAJournal(t *testing.T) {
	dir := t.TempDir()
	database, copied, crashed := filepath.Join(dir, "portal.db"), filepath.Join(dir, "copy.db"), filepath.Join(dir, "crashed.db")
	s, err := Open(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	addOne(t, s, "in.the.copy")
	if err := s.Backup(t.Context(), copied); err != nil {
		t.Fatal(err)
	}
	addOne(t, s, "later")
	for _, end := range []string{"-wal", "-shm"} {
		journal, err := os.ReadFile(database + end)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{crashed, crashed + ".restoring"} {
			if err := os.WriteFile(path+end, journal, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.WriteFile(crashed, []byte("TEST, no database"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(t.Context(), crashed, copied, time.Now()); err == nil || !strings.Contains(err.Error(), "move it elsewhere") {
		t.Errorf("over a damaged one: %v", err)
	}
	if err := os.Remove(crashed); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(t.Context(), crashed, copied, time.Now()); err != nil {
		t.Fatal(err)
	}
	r, err := Open(t.Context(), crashed)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if names := accountNames(t, r); len(names) != 1 || names[0] != "in.the.copy" {
		t.Errorf("restored: %q", names)
	}
}
