package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/atomicfile"
	"github.com/cpx-bridge/cpx-bridge/internal/plainfile"
)

var (
	// ErrNotAFile says that the database is PostgreSQL's, which has programs of its own.
	ErrNotAFile = errors.New("the database is PostgreSQL's: use pg_dump and pg_restore")
	// ErrInUse says that another program has the database open.
	ErrInUse = errors.New("the portal still runs on this database: stop all instances first")
)

// Backup writes a copy of the database to a new file, as it is at one moment, while others go
// on using it: a copy by other programs lacks what is in the journal beside it, or is torn.
// The copy is checked. It fails with ErrNotAFile.
func (s *Store) Backup(ctx context.Context, to string) (err error) {
	if s.postgres {
		return ErrNotAFile
	}
	if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, fmt.Errorf("%s: %w", to, fs.ErrExist))
	}
	// In a folder that nobody else may enter: SQLite would let others read the file.
	folder, err := os.MkdirTemp(filepath.Dir(to), ".cpx-portal-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	copied := filepath.Join(folder, "copy")
	if _, err := s.q().exec(ctx, `VACUUM INTO ?1`, copied); err != nil {
		return err
	}
	if err := os.Chmod(copied, 0o600); err != nil {
		return err
	}
	if err := whole(ctx, copied); err != nil {
		return fmt.Errorf("the copy: %w", err)
	}
	return os.Rename(copied, to)
}

// whole checks that a file is a database of the portal's, undamaged. Its errors do not name it.
func whole(ctx context.Context, path string) (err error) {
	db, err := connect(path, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var result string
	if err := db.QueryRowContext(ctx, `PRAGMA integrity_check`).Scan(&result); err != nil {
		return fmt.Errorf("is no database of cpx-portal: %w", err)
	}
	if result != "ok" {
		return fmt.Errorf("is damaged: %s", result)
	}
	if err := db.QueryRowContext(ctx, `SELECT COUNT(*) FROM accounts`).Scan(new(int)); err != nil {
		return fmt.Errorf("is no database of cpx-portal: %w", err)
	}
	return nil
}

// Restore puts a copy that Backup made in the place of the database, a file, and returns where
// the one before is. All sessions and challenges of the copy end: some had ended since. It fails with ErrNotAFile and ErrInUse; the database is
// as it was then.
func Restore(ctx context.Context, database, from string, now time.Time) (before string, err error) {
	if IsPostgres(database) {
		return "", ErrNotAFile
	}
	content, err := plainfile.Read(from)
	if err != nil {
		return "", err
	}
	prepared := database + ".restoring"
	removeJournals(prepared) // of a restore that was killed
	if err := atomicfile.Write(prepared, content, atomicfile.Options{}); err != nil {
		return "", err
	}
	defer func() {
		_ = os.Remove(prepared)
		removeJournals(prepared)
	}()
	if err := cleared(ctx, prepared); err != nil {
		return "", fmt.Errorf("%s: %w", from, err)
	}
	if before, err = aside(ctx, database, now); err != nil {
		return "", err
	}
	return before, os.Rename(prepared, database)
}

// journals are what SQLite adds to a database's name for the files beside it.
var journals = []string{"-wal", "-shm", "-journal"}

func removeJournals(path string) {
	for _, end := range journals {
		_ = os.Remove(path + end)
	}
}

// aside moves a database away, where there is one, and returns where it is now. Journals of one
// that was deleted or moved go too: SQLite would write what is in them over the copy that takes
// its place.
func aside(ctx context.Context, database string, now time.Time) (before string, err error) {
	other := database + "." + now.UTC().Format("20060102T150405Z") + ".bak"
	switch _, err := os.Stat(database); {
	case err == nil:
		if err := alone(ctx, database); errors.Is(err, ErrInUse) {
			return "", err
		} else if err != nil {
			return "", fmt.Errorf("%s cannot be opened: move it elsewhere, then restore anew: %w", database, err)
		}
		before = other
		if err := os.Rename(database, before); err != nil {
			return "", err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return "", err
	}
	for _, end := range journals {
		if err := os.Rename(database+end, other+end); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return before, nil
}

// cleared ends what a copy has of sessions and challenges, and leaves no journal beside it.
func cleared(ctx context.Context, path string) (err error) {
	if err := whole(ctx, path); err != nil {
		return err
	}
	if err := upgradeSQLite(ctx, path); err != nil { // of an earlier version, maybe
		return err
	}
	db, err := connect(path, patience, "foreign_keys(1)")
	if err != nil {
		return err
	}
	s := &Store{db: db, dialect: sqliteDialect, sharing: newSharing()}
	for _, table := range []string{"sessions", "challenge_keys"} {
		if _, err := s.q().exec(ctx, `DELETE FROM `+table); err != nil {
			return errors.Join(err, s.Close())
		}
	}
	if err := s.Close(); err != nil {
		return err
	}
	return alone(ctx, path)
}

// alone puts the journal of a database into it, which only a connection can that is the only
// one. Else what is in it would come back over the file that takes its place.
func alone(ctx context.Context, path string) (err error) {
	db, err := connect(path, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var mode string
	err = db.QueryRowContext(ctx, `PRAGMA journal_mode = DELETE`).Scan(&mode)
	if busy(err) || err == nil && mode != "delete" {
		return ErrInUse
	}
	return err
}
