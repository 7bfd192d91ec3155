package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// schemaVersion is the version of the databases that this program uses: the number of the last
// migration. SQLite has it in user_version too, as the programs before goose.
const schemaVersion = 3

// tables are those of version 1. cards.key is "id:" and the whole identifier, or
// "cert:" and the certificate's SHA-256 where the card names nobody; within its trust
// group it belongs to one account. AUTOINCREMENT uses no number twice, so that what
// remembers a card or an account that is gone never means another.
const tables = `
CREATE TABLE accounts%[1]s (
  id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL COLLATE NOCASE UNIQUE, display TEXT NOT NULL, service TEXT NOT NULL,
  region TEXT NOT NULL, password TEXT NOT NULL, created INTEGER NOT NULL) STRICT;
CREATE TABLE cards%[1]s (
  id INTEGER PRIMARY KEY AUTOINCREMENT, account INTEGER NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,
  trust_group TEXT NOT NULL, key TEXT NOT NULL, identifier TEXT NOT NULL, holder TEXT NOT NULL, kind TEXT NOT NULL,
  profession TEXT NOT NULL, certificate TEXT NOT NULL, attached INTEGER NOT NULL, used INTEGER NOT NULL,
  UNIQUE (trust_group, key)) STRICT;
CREATE TABLE sessions%[1]s (
  id BLOB PRIMARY KEY,
  account INTEGER REFERENCES accounts(id) ON DELETE CASCADE, card INTEGER REFERENCES cards(id) ON DELETE CASCADE,
  pending TEXT NOT NULL DEFAULT '', pending_until INTEGER NOT NULL DEFAULT 0,
  pending_account INTEGER REFERENCES accounts(id) ON DELETE CASCADE, confirmed INTEGER NOT NULL DEFAULT 0,
  created INTEGER NOT NULL, seen INTEGER NOT NULL, CHECK ((account IS NULL) = (card IS NULL))) STRICT;
`

// additions are the tables that version 0 had not.
const additions = `
CREATE TABLE used_nonces (nonce TEXT PRIMARY KEY, until INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE challenge_keys (id INTEGER PRIMARY KEY AUTOINCREMENT, key BLOB NOT NULL, made INTEGER NOT NULL) STRICT;
CREATE TABLE password_tries (card TEXT PRIMARY KEY, failures INTEGER NOT NULL, last INTEGER NOT NULL) STRICT, WITHOUT ROWID;
`

// indexes: by them goes what has expired, and what ends with a card or an account.
const indexes = `
CREATE INDEX cards_account ON cards(account);
CREATE INDEX sessions_account ON sessions(account) WHERE account IS NOT NULL;
CREATE INDEX sessions_card ON sessions(card) WHERE card IS NOT NULL;
CREATE INDEX sessions_pending ON sessions(pending_account) WHERE pending_account IS NOT NULL;
CREATE INDEX sessions_seen ON sessions(seen);
CREATE INDEX sessions_created ON sessions(created);
CREATE INDEX used_nonces_until ON used_nonces(until);
CREATE INDEX password_tries_last ON password_tries(last);
`

// fromZero fills the tables from a database of version 0, which replace its own. Its
// sessions did not end with their cards: only those go on whose card is still the
// account's, and was when they began.
const fromZero = `
INSERT INTO accounts_new (id, name, display, service, region, password, created) SELECT id, name, display, service, region, password, created FROM accounts;
INSERT INTO cards_new SELECT id, account, trust_group, key, identifier, holder, kind, profession, certificate, attached, used FROM cards;
INSERT INTO sessions_new (id, account, card, created, seen)
  SELECT s.id, s.account, s.card, s.created, s.seen FROM sessions s JOIN cards c ON c.id = s.card AND c.account = s.account AND s.created >= c.attached;
INSERT INTO sessions_new (id, pending, pending_until, pending_account, created, seen)
  SELECT id, pending, pending_until, (SELECT a.id FROM accounts a WHERE a.id = pending_account), created, seen
  FROM sessions WHERE account IS NULL AND pending <> '';
DROP TABLE nonces; DROP TABLE sessions; DROP TABLE cards; DROP TABLE accounts;
ALTER TABLE accounts_new RENAME TO accounts; ALTER TABLE cards_new RENAME TO cards; ALTER TABLE sessions_new RENAME TO sessions;
`

// second is version 2, of both kinds of database, which the words in braces tell apart:
// accounts that are disabled, where a session's browser is, revocation lists, and the audit
// log. Rows of that outlive what they are about, so they refer to nothing.
const second = `
ALTER TABLE accounts ADD COLUMN disabled {int} NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN address TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN browser TEXT NOT NULL DEFAULT '';
CREATE TABLE revocation_lists (
  address TEXT PRIMARY KEY, body {bytes} NOT NULL, sum TEXT NOT NULL, this_update {int} NOT NULL, fetched {int} NOT NULL,
  etag TEXT NOT NULL, modified TEXT NOT NULL){strict};
CREATE TABLE audit (
  id {id}, at {int} NOT NULL, event TEXT NOT NULL, account {int} NOT NULL, name TEXT NOT NULL, card {int} NOT NULL,
  certificate TEXT NOT NULL, address TEXT NOT NULL, reason TEXT NOT NULL){strict};
CREATE INDEX audit_at ON audit(at);
CREATE INDEX audit_account ON audit(account);
`

// third is version 3, of both kinds: what the last form of a session did that ended with it.
const third = `
CREATE TABLE done (session {bytes} PRIMARY KEY, what TEXT NOT NULL, salt {bytes} NOT NULL, until {int} NOT NULL){strict};
CREATE INDEX done_until ON done(until);
`

// first is version 1 as PostgreSQL has it.
const first = `
CREATE TABLE accounts (
  id {id}, name TEXT NOT NULL, display TEXT NOT NULL, service TEXT NOT NULL,
  region TEXT NOT NULL, password TEXT NOT NULL, created {int} NOT NULL);
CREATE UNIQUE INDEX accounts_name ON accounts (lower(name COLLATE "C"));
CREATE TABLE cards (
  id {id}, account {int} NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,
  trust_group TEXT NOT NULL, key TEXT NOT NULL, identifier TEXT NOT NULL, holder TEXT NOT NULL, kind TEXT NOT NULL,
  profession TEXT NOT NULL, certificate TEXT NOT NULL, attached {int} NOT NULL, used {int} NOT NULL,
  UNIQUE (trust_group, key));
CREATE TABLE sessions (
  id {bytes} PRIMARY KEY,
  account {int} REFERENCES accounts(id) ON DELETE CASCADE, card {int} REFERENCES cards(id) ON DELETE CASCADE,
  pending TEXT NOT NULL DEFAULT '', pending_until {int} NOT NULL DEFAULT 0,
  pending_account {int} REFERENCES accounts(id) ON DELETE CASCADE, confirmed {int} NOT NULL DEFAULT 0,
  created {int} NOT NULL, seen {int} NOT NULL, CHECK ((account IS NULL) = (card IS NULL)));
CREATE TABLE used_nonces (nonce TEXT PRIMARY KEY, until {int} NOT NULL);
CREATE TABLE challenge_keys (id {id}, key {bytes} NOT NULL, made {int} NOT NULL);
CREATE TABLE password_tries (card TEXT PRIMARY KEY, failures {int} NOT NULL, last {int} NOT NULL);
` + indexes

var (
	sqliteTypes   = strings.NewReplacer("{int}", "INTEGER", "{bytes}", "BLOB", "{id}", "INTEGER PRIMARY KEY AUTOINCREMENT", "{strict}", " STRICT")
	postgresTypes = strings.NewReplacer("{int}", "BIGINT", "{bytes}", "BYTEA", "{id}", "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY", "{strict}", "")
)

// ErrNewerDatabase says that a later version of this program made the database.
var ErrNewerDatabase = errors.New("a later version of cpx-portal has used it: use that version")

// migrations are the steps of a kind of database, each in a transaction of its own.
func migrations(steps ...func(ctx context.Context, tx *sql.Tx) error) []*goose.Migration {
	var list []*goose.Migration
	for i, step := range steps {
		list = append(list, goose.NewGoMigration(int64(i+1), &goose.GoFunc{RunTx: step}, nil))
	}
	return list
}

func statements(text string) func(ctx context.Context, tx *sql.Tx) error {
	return func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, text)
		return err
	}
}

// upgradePostgres brings the database to schemaVersion, or leaves it as it was. One instance
// at a time does; one that finds it done needs no right to change tables.
func upgradePostgres(ctx context.Context, db *sql.DB) error {
	var version int64
	err := db.QueryRowContext(ctx, `SELECT COALESCE(MAX(version_id), 0) FROM goose_db_version WHERE is_applied`).Scan(&version)
	if refused, is := errors.AsType[*pgconn.PgError](err); is && refused.Code == "42P01" { // no such table
		version, err = 0, nil
	}
	switch {
	case err != nil || version == schemaVersion:
		return err
	case version > schemaVersion:
		return ErrNewerDatabase
	}
	one, err := lock.NewPostgresSessionLocker(lock.WithLockID(lockUpgrade), lock.WithLockTimeout(1, 60))
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectPostgres, db, nil, goose.WithSessionLocker(one), goose.WithDisableGlobalRegistry(true),
		goose.WithGoMigrations(migrations(statements(postgresTypes.Replace(first)), statements(postgresTypes.Replace(second)), statements(postgresTypes.Replace(third)))...))
	if err != nil {
		return err
	}
	_, err = p.Up(ctx)
	return err
}

// The numbers of PostgreSQL's advisory locks that are used here.
const (
	lockUpgrade = 0x637078_01
	lockKeys    = 0x637078_02
)

// upgradeSQLite brings the database to schemaVersion, or leaves it as it was.
func upgradeSQLite(ctx context.Context, path string) error {
	plain, err := connect(path, 0)
	if err != nil {
		return err
	}
	version, err := userVersion(ctx, plain)
	if err = errors.Join(err, plain.Close()); err != nil || version == schemaVersion {
		return err
	}
	if version > schemaVersion {
		return ErrNewerDatabase
	}
	// For itself alone from its first statement until it is closed: goose's steps are several
	// transactions. Foreign keys are off, because dropping a table would empty those that refer
	// to it; each step checks them.
	db, err := connect(path, 0, "locking_mode(EXCLUSIVE)", "journal_mode(WAL)", "foreign_keys(0)")
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	have, err := db.BeginTx(ctx, nil) // immediate: goose would try for seconds to have it
	if err != nil {
		return err
	}
	version, err = userVersion(ctx, have)
	if err = errors.Join(err, have.Commit()); err != nil || version == schemaVersion { // another instance was faster
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, nil, goose.WithDisableGlobalRegistry(true),
		goose.WithGoMigrations(migrations(checked(1, toFirst), checked(2, statements(sqliteTypes.Replace(second))), checked(3, statements(sqliteTypes.Replace(third))))...))
	if err != nil {
		return err
	}
	_, err = p.Up(ctx)
	return err
}

// checked is a step that leaves no row that refers to what is not there.
func checked(version int, step func(ctx context.Context, tx *sql.Tx) error) func(ctx context.Context, tx *sql.Tx) error {
	return func(ctx context.Context, tx *sql.Tx) error {
		if err := step(ctx, tx); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, fmt.Sprintf(`PRAGMA user_version = %d`, version)); err != nil {
			return err
		}
		var table string
		err := found(tx.QueryRowContext(ctx, `SELECT "table" FROM pragma_foreign_key_check LIMIT 1`).Scan(&table))
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		return errors.Join(err, fmt.Errorf("the table %s refers to what is not there", table))
	}
}

// toFirst makes version 1 of nothing, or of version 0; databases of version 1 were there
// before goose was.
func toFirst(ctx context.Context, tx *sql.Tx) error {
	version, err := userVersion(ctx, tx)
	if err != nil || version > 0 {
		return err
	}
	var old int
	if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM sqlite_schema WHERE name = 'accounts'`).Scan(&old); err != nil {
		return err
	}
	steps := fmt.Sprintf(tables, "")
	if old > 0 {
		steps = fmt.Sprintf(tables, "_new") + fromZero
	}
	_, err = tx.ExecContext(ctx, steps+additions+indexes)
	return err
}

func userVersion(ctx context.Context, on handle) (version int, err error) {
	return version, on.QueryRowContext(ctx, `PRAGMA user_version`).Scan(&version)
}
