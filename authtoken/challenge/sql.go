package challenge

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"
)

// Dialect is how a database is spoken to.
type Dialect int

// The databases.
const (
	SQLite Dialect = iota + 1
	PostgreSQL
)

const (
	// keyLife is how long one key signs new challenges.
	keyLife = 24 * time.Hour
	// purgePause is how often what has expired is deleted.
	purgePause = Lifetime
)

// SQL is the Store of a site whose instances share a database: it has two tables of its
// own there, cpx_challenge_keys and cpx_used_nonces. A request for a challenge writes
// nothing; a login writes one row, which goes once the challenge has expired.
type SQL struct {
	db      *sql.DB
	dialect Dialect
	now     func() time.Time

	mu     sync.Mutex
	keys   map[uint32][]byte
	newest uint32
	made   time.Time // the newest one
	loaded time.Time
	purge  time.Time // when to delete what has expired
}

// NewSQL returns the Store in the database, and makes its tables where they are not
// there. now is the clock, nil the system's; the clocks of instances that share a database
// may be a minute apart.
func NewSQL(ctx context.Context, db *sql.DB, dialect Dialect, now func() time.Time) (*SQL, error) {
	if dialect != SQLite && dialect != PostgreSQL {
		return nil, errors.New("challenge: neither SQLite nor PostgreSQL")
	}
	if now == nil {
		now = time.Now
	}
	s := &SQL{db: db, dialect: dialect, now: now}
	for _, table := range []string{
		`CREATE TABLE IF NOT EXISTS cpx_challenge_keys (id SERIAL, key BYTES NOT NULL, made BIGINT NOT NULL)`,
		`CREATE TABLE IF NOT EXISTS cpx_used_nonces (nonce TEXT PRIMARY KEY, until BIGINT NOT NULL)`,
	} {
		if err := s.create(ctx, table); err != nil {
			return nil, fmt.Errorf("challenge: the tables: %w", err)
		}
	}
	return s, nil
}

// create makes a table. Of two instances that begin at the same time PostgreSQL lets one
// fail, whichever comes second: it finds the table there.
func (s *SQL) create(ctx context.Context, table string) error {
	var err error
	for range 3 {
		if _, err = s.db.ExecContext(ctx, s.in(table)); err == nil {
			return nil
		}
	}
	return err
}

// in writes a statement for the database: SERIAL, BYTES and each ? as that has them.
func (s *SQL) in(statement string) string {
	serial, octets, mark := "INTEGER PRIMARY KEY", "BLOB", "?"
	if s.dialect == PostgreSQL {
		serial, octets, mark = "INTEGER GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "BYTEA", "$"
	}
	statement = strings.NewReplacer("SERIAL", serial, "BYTES", octets).Replace(statement)
	for n := 1; strings.Contains(statement, "?#"); n++ {
		statement = strings.Replace(statement, "?#", fmt.Sprint(mark, n), 1)
	}
	return statement
}

func (s *SQL) exec(ctx context.Context, statement string, values ...any) (changed int64, err error) {
	result, err := s.db.ExecContext(ctx, s.in(statement), values...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// SigningKey returns the newest key. The first instance that finds it too old makes
// another: two that find it at the same time make one each, of which one signs.
func (s *SQL) SigningKey(ctx context.Context) (number uint32, key []byte, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.now(); s.keys[s.newest] == nil || now.Sub(s.made) >= keyLife {
		key := make([]byte, 32)
		_, _ = rand.Read(key) // never fails
		_, err := s.exec(ctx, `INSERT INTO cpx_challenge_keys (key, made) SELECT CAST(?# AS BYTES), CAST(?# AS BIGINT) WHERE NOT EXISTS (SELECT 1 FROM cpx_challenge_keys WHERE made > ?#)`,
			key, now.Unix(), now.Add(-keyLife).Unix())
		if err != nil {
			return 0, nil, err
		}
		if err := s.load(ctx); err != nil {
			return 0, nil, err
		}
	}
	return s.newest, s.keys[s.newest], nil
}

// Key returns a key by its number. Another instance may have made one since.
func (s *SQL) Key(ctx context.Context, number uint32) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// At most once a second: whoever forges numbers asks the database no more often.
	if since := s.now().Sub(s.loaded); s.keys[number] == nil && (since < 0 || since >= time.Second) {
		if err := s.load(ctx); err != nil {
			return nil, err
		}
	}
	return s.keys[number], nil
}

func (s *SQL) load(ctx context.Context) error {
	rows, err := s.db.QueryContext(ctx, s.in(`SELECT id, key, made FROM cpx_challenge_keys WHERE id <= ?# ORDER BY id`), math.MaxInt32)
	if err != nil {
		return err
	}
	defer rows.Close()
	keys, newest, latest := map[uint32][]byte{}, uint32(0), time.Time{}
	for rows.Next() {
		var number uint32
		var key []byte
		var made int64
		if err := rows.Scan(&number, &key, &made); err != nil {
			return err
		}
		keys[number] = key
		newest, latest = number, time.Unix(made, 0)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	s.keys, s.newest, s.made, s.loaded = keys, newest, latest, s.now()
	return nil
}

// Use remembers a nonce: the database admits each once.
func (s *SQL) Use(ctx context.Context, nonce string, until time.Time) (bool, error) {
	if err := s.deleteExpired(ctx); err != nil {
		return false, err
	}
	n, err := s.exec(ctx, `INSERT INTO cpx_used_nonces (nonce, until) VALUES (?#, ?#) ON CONFLICT DO NOTHING`, nonce, until.Add(skew).Unix()+1)
	return n == 1, err
}

// deleteExpired deletes, at times, nonces whose challenges are good no more, and keys
// that sign none.
func (s *SQL) deleteExpired(ctx context.Context) error {
	now := s.now()
	s.mu.Lock()
	due := !now.Before(s.purge)
	if due {
		s.purge = now.Add(purgePause)
	}
	s.mu.Unlock()
	if !due {
		return nil
	}
	if _, err := s.exec(ctx, `DELETE FROM cpx_used_nonces WHERE until < ?#`, now.Unix()); err != nil {
		return err
	}
	_, err := s.exec(ctx, `DELETE FROM cpx_challenge_keys WHERE made < ?#`, now.Add(-keyLife-cookieLife-2*skew).Unix())
	return err
}
