package store

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// dialect is how a kind of database is spoken to. Queries are written once, with placeholders
// $1, $2 and these marks:
//
//	{lock}  the rows that are read belong to this transaction until its end
//	{skip}  likewise, but rows that another transaction has are passed over
//	{queue}  likewise as {lock}, but rows that refer to them may be added meanwhile
//	{name}  $1 is the user name, whatever the case of its letters from A to Z
type dialect struct {
	postgres bool
	rewrite  *strings.Replacer
	// clean makes of a string what the database can store.
	clean func(string) string
	// repeatable reports whether a transaction that failed so is to be tried anew: the database
	// has certainly done nothing of it.
	repeatable func(error) bool
}

// SQLite has one writer at a time, so nothing needs a lock of its own.
var sqliteDialect = dialect{
	rewrite:    strings.NewReplacer("$", "?", "{lock}", "", "{skip}", "", "{queue}", "", "{name}", "name = ?1"),
	clean:      func(s string) string { return s },
	repeatable: func(error) bool { return false },
}

var postgresDialect = dialect{
	postgres: true,
	rewrite:  strings.NewReplacer("{lock}", "FOR UPDATE", "{skip}", "FOR UPDATE SKIP LOCKED", "{queue}", "FOR NO KEY UPDATE", "{name}", `lower(name COLLATE "C") = lower($1 COLLATE "C")`),
	// PostgreSQL refuses U+0000 and bytes that are no UTF-8; a form may hold both.
	clean:      func(s string) string { return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", "\uFFFD"), "\uFFFD") },
	repeatable: repeatable,
}

// repeatable: two transactions that waited for each other, or a connection that was lost.
func repeatable(err error) bool {
	if refused, is := errors.AsType[*pgconn.PgError](err); is {
		return refused.Code == "40P01" || refused.Code == "40001" || strings.HasPrefix(refused.Code, "57P0") || strings.HasPrefix(refused.Code, "08")
	}
	_, network := errors.AsType[net.Error](err)
	_, dialled := errors.AsType[*pgconn.ConnectError](err)
	return network || dialled || errors.Is(err, net.ErrClosed) || pgconn.SafeToRetry(err)
}

// handle is what a *sql.DB, a *sql.Conn and a *sql.Tx have in common.
type handle interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// querier is the database, or a transaction in it, in its dialect.
type querier struct {
	on handle
	dialect
	asked *atomic.Uint64 // how many statements, in all
}

func (q querier) args(args []any) []any {
	for i, a := range args {
		if s, is := a.(string); is {
			args[i] = q.clean(s)
		}
	}
	return args
}

// exec runs a statement, and returns how many rows it changed.
func (q querier) exec(ctx context.Context, query string, args ...any) (int64, error) {
	q.asked.Add(1)
	result, err := q.on.ExecContext(ctx, q.rewrite.Replace(query), q.args(args)...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (q querier) row(ctx context.Context, query string, args ...any) *sql.Row {
	q.asked.Add(1)
	return q.on.QueryRowContext(ctx, q.rewrite.Replace(query), q.args(args)...)
}

// each reads a row at a time with scan, which is handed the row's own Scan.
func (q querier) each(ctx context.Context, scan func(scan func(...any) error) error, query string, args ...any) error {
	q.asked.Add(1)
	rows, err := q.on.QueryContext(ctx, q.rewrite.Replace(query), q.args(args)...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (s *Store) q() querier { return querier{s.db, s.dialect, &s.asked} }

// tries is how often a transaction is tried, with pauses that grow to a second: a database
// that is started anew is back within that.
const tries = 6

// together does what belongs together: all of it, or nothing where do fails. What it reads
// with {lock} no other instance changes meanwhile. do may be called several times.
func (s *Store) together(ctx context.Context, do func(q querier) error) error {
	if !s.postgres {
		return s.share(ctx, do)
	}
	for n := 1; ; n++ {
		committing, err := s.once(ctx, do)
		if err == nil || committing || n == tries || !s.repeatable(err) {
			return err
		}
		select {
		case <-time.After(time.Second >> (tries - 1 - n)):
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		}
	}
}

// write runs a statement that changes rows, and returns how many.
func (s *Store) write(ctx context.Context, query string, args ...any) (n int64, err error) {
	if s.postgres {
		return s.q().exec(ctx, query, args...)
	}
	err = s.share(ctx, func(q querier) error {
		n, err = q.exec(ctx, query, args...)
		return err
	})
	return n, err
}

// once reports whether it failed while committing: nobody knows then what was done.
func (s *Store) once(ctx context.Context, do func(q querier) error) (committing bool, err error) {
	s.asked.Add(2) // its beginning and its end
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	if err := do(querier{tx, s.dialect, &s.asked}); err != nil {
		if back := tx.Rollback(); !errors.Is(back, sql.ErrTxDone) && !s.repeatable(err) { // ctx or the connection ended
			err = errors.Join(err, back)
		}
		return false, err
	}
	return true, tx.Commit()
}
