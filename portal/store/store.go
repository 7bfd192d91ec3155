// Package store is the portal's database: accounts, cards, sessions, the challenges' keys and
// used nonces, the tries of passwords, revocation lists, and the audit log. It is a file of
// SQLite's, or a database of PostgreSQL's, which instances on several machines share. Whatever
// must happen together is one method here; no other package sees the database itself.
//
// A [Store] may be used concurrently, and by several instances at a time. It never stores a
// password or a session's identifier in clear: its callers hand it hashes.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync/atomic"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver
)

// Store is the portal's database.
type Store struct {
	db *sql.DB
	dialect
	asked   atomic.Uint64
	sharing *sharing // nil: PostgreSQL's transactions share nothing
}

// ErrNotFound says that there is no such row.
var ErrNotFound = errors.New("portal: not found")

// IsPostgres reports whether a setting names a database of PostgreSQL's, and not a file.
func IsPostgres(database string) bool {
	return strings.HasPrefix(database, "postgres://") || strings.HasPrefix(database, "postgresql://")
}

// ErrNoDatabase says that there is no file of a database.
var ErrNoDatabase = errors.New("there is no database")

// OpenExisting is Open of a database that is there: it makes no file, and fails with
// ErrNoDatabase. One of PostgreSQL's is there once its server has it, with tables or none.
func OpenExisting(ctx context.Context, database string) (*Store, error) {
	if !IsPostgres(database) {
		if info, err := os.Stat(database); errors.Is(err, fs.ErrNotExist) || err == nil && info.Mode().IsRegular() && info.Size() == 0 {
			return nil, fmt.Errorf("%s: %w", database, ErrNoDatabase)
		}
	}
	return Open(ctx, database)
}

// Open opens the database, a file or the address of one of PostgreSQL's, upgrades what an
// earlier version of this program made, and waits a few seconds where another program has it
// or it does not answer yet. The end of ctx ends that wait. It fails with ErrNewerDatabase.
func Open(ctx context.Context, database string) (*Store, error) {
	o := opening{time.Now, briefly}
	if IsPostgres(database) {
		return o.postgres(ctx, database)
	}
	return o.sqlite(ctx, database)
}

// connections are how many of an instance PostgreSQL has at most: its own limit is 100 for all.
const connections = 16

func (o opening) postgres(ctx context.Context, address string) (*Store, error) {
	db, err := sql.Open("pgx", address)
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	db.SetConnMaxIdleTime(5 * time.Minute)
	if err := o.prepare(ctx, repeatable, func() error { return upgradePostgres(ctx, db) }); err != nil {
		return nil, errors.Join(oneLine{fmt.Errorf("database: %w", err)}, db.Close())
	}
	return &Store{db: db, dialect: postgresDialect}, nil
}

// oneLine is an error whose text pgx spreads over several, one for each address that it tried.
type oneLine struct{ error }

func (e oneLine) Error() string { return strings.Join(strings.Fields(e.error.Error()), " ") }

func (e oneLine) Unwrap() error { return e.error }

// Close closes the database.
func (s *Store) Close() error { return s.db.Close() }

// Stats is the state of the connections to the database.
func (s *Store) Stats() sql.DBStats { return s.db.Stats() }

// Statements is how many statements the database was asked so far, with those that begin and
// end transactions.
func (s *Store) Statements() uint64 { return s.asked.Load() }

// Ping fails where the database does not answer.
func (s *Store) Ping(ctx context.Context) error {
	var one int
	return s.q().row(ctx, `SELECT 1`).Scan(&one)
}

func found(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	return err
}
