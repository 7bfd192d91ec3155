package revocation

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Dialect is how a database is spoken to.
type Dialect int

// The dialects, of SQLite 3.24 and of PostgreSQL 9.5 and later.
const (
	SQLite Dialect = iota
	PostgreSQL
)

// Schema is the statement that makes the table revocation_lists, for whoever has the
// versions of their tables made by something else than NewSQL.
func (d Dialect) Schema() string {
	blob := "BLOB"
	if d == PostgreSQL {
		blob = "BYTEA"
	}
	return `CREATE TABLE IF NOT EXISTS revocation_lists (
	address     TEXT PRIMARY KEY,
	body        ` + blob + ` NOT NULL,
	sum         TEXT NOT NULL,
	this_update BIGINT NOT NULL,
	fetched     BIGINT NOT NULL,
	etag        TEXT NOT NULL,
	modified    TEXT NOT NULL
)`
}

// SQL is a Store in a database, which all instances of a portal share. Times are in
// milliseconds since 1970. An SQLite database needs a busy_timeout, because lists are saved
// beside each other.
type SQL struct {
	db      *sql.DB
	dialect Dialect
}

// NewSQL makes the table where there is none. The database stays its caller's, who closes
// it after the Checker.
func NewSQL(ctx context.Context, db *sql.DB, dialect Dialect) (*SQL, error) {
	s := &SQL{db, dialect}
	if _, err := s.Load(ctx, "", ""); err == nil {
		return s, nil // an account that may make no table needs none made
	}
	if _, err := db.ExecContext(ctx, dialect.Schema()); err != nil {
		return nil, fmt.Errorf("revocation: the table of lists: %w", err)
	}
	return s, nil
}

// statement is the query with the placeholders $1, $2, … as the dialect writes them.
func (s *SQL) statement(query string) string {
	if s.dialect == PostgreSQL {
		return query
	}
	sqlite := []byte(query)
	for i, b := range sqlite {
		if b == '$' {
			sqlite[i] = '?'
		}
	}
	return string(sqlite)
}

// Load reads the list's row, without its body where that is known.
func (s *SQL) Load(ctx context.Context, address, known string) (Stored, error) {
	var list Stored
	var update, fetched int64
	row := s.db.QueryRowContext(ctx, s.statement(`SELECT CASE WHEN sum = $2 THEN NULL ELSE body END, sum, this_update, fetched, etag, modified
		FROM revocation_lists WHERE address = $1`), address, known)
	err := row.Scan(&list.Body, &list.Sum, &update, &fetched, &list.ETag, &list.Modified)
	if errors.Is(err, sql.ErrNoRows) {
		return Stored{}, nil
	}
	if err != nil {
		return Stored{}, &Error{ReasonStore, address, err}
	}
	list.ThisUpdate, list.Fetched = time.UnixMilli(update).UTC(), time.UnixMilli(fetched).UTC()
	return list, nil
}

// Save writes the list's row, in one statement.
func (s *SQL) Save(ctx context.Context, address string, list Stored) error {
	update, fetched := list.ThisUpdate.UnixMilli(), list.Fetched.UnixMilli()
	var err error
	if list.Body == nil {
		_, err = s.db.ExecContext(ctx, s.statement(`UPDATE revocation_lists SET fetched = $3, etag = $4, modified = $5
			WHERE address = $1 AND sum = $2 AND fetched < $3`), address, list.Sum, fetched, list.ETag, list.Modified)
	} else {
		_, err = s.db.ExecContext(ctx, s.statement(`INSERT INTO revocation_lists (address, body, sum, this_update, fetched, etag, modified)
			VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (address) DO UPDATE SET body = excluded.body, sum = excluded.sum, this_update = excluded.this_update,
				fetched = excluded.fetched, etag = excluded.etag, modified = excluded.modified
			WHERE revocation_lists.this_update <= excluded.this_update`),
			address, list.Body, list.Sum, update, fetched, list.ETag, list.Modified)
	}
	if err != nil {
		return &Error{ReasonStore, address, err}
	}
	return nil
}
