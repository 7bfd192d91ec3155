package portal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// schemaVersion is the user_version of the databases that this program uses.
const schemaVersion = 1

// tables are those of schemaVersion. cards.key is "id:" and the whole identifier, or
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

// additions are the tables that version 0 had not, and the indexes: by them goes what
// has expired, and what ends with a card or an account.
const additions = `
CREATE TABLE used_nonces (nonce TEXT PRIMARY KEY, until INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE challenge_keys (id INTEGER PRIMARY KEY AUTOINCREMENT, key BLOB NOT NULL, made INTEGER NOT NULL) STRICT;
CREATE TABLE password_tries (card TEXT PRIMARY KEY, failures INTEGER NOT NULL, last INTEGER NOT NULL) STRICT, WITHOUT ROWID;
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

// ErrNewerDatabase says that a later version of this program made the database.
var ErrNewerDatabase = errors.New("a later version of cpx-portal has used it: use that version")

// upgrade brings the database to schemaVersion, or leaves it as it was.
func upgrade(ctx context.Context, db *sql.DB) (err error) {
	c, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if version, err := userVersion(ctx, c); err != nil || version == schemaVersion {
		return err
	}
	// Dropping a table would empty those that refer to it. Has no effect within a transaction.
	if _, err := c.ExecContext(ctx, `PRAGMA foreign_keys = OFF`); err != nil {
		return err
	}
	defer func() {
		_, on := c.ExecContext(context.WithoutCancel(ctx), `PRAGMA foreign_keys = ON`)
		err = errors.Join(err, on)
	}()
	tx, err := c.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := change(ctx, tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

func change(ctx context.Context, tx *sql.Tx) error {
	version, err := userVersion(ctx, tx) // again: another instance may have been faster
	switch {
	case err != nil || version == schemaVersion:
		return err
	case version > schemaVersion:
		return ErrNewerDatabase
	}
	var old int
	if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM sqlite_schema WHERE name = 'accounts'`).Scan(&old); err != nil {
		return err
	}
	steps := fmt.Sprintf(tables, "")
	if old > 0 {
		steps = fmt.Sprintf(tables, "_new") + fromZero
	}
	if _, err := tx.ExecContext(ctx, steps+additions+fmt.Sprintf(`PRAGMA user_version = %d`, schemaVersion)); err != nil {
		return err
	}
	var table string
	err = found(tx.QueryRowContext(ctx, `SELECT "table" FROM pragma_foreign_key_check LIMIT 1`).Scan(&table))
	if errors.Is(err, errNotFound) {
		return nil
	}
	return errors.Join(err, fmt.Errorf("the table %s refers to what is not there", table))
}

func userVersion(ctx context.Context, q querier) (version int, err error) {
	return version, q.QueryRowContext(ctx, `PRAGMA user_version`).Scan(&version)
}
