package portal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"modernc.org/sqlite" // also the driver
	sqlite3 "modernc.org/sqlite/lib"
)

// store is the portal's database.
type store struct{ db *sql.DB }

// openStore opens the database, and waits a few seconds where another program has it.
func openStore(ctx context.Context, path string) (*store, error) {
	return opening{time.Now, briefly}.open(ctx, path)
}

// patience is how long is waited for another connection's lock.
const patience = 5 * time.Second

// opening is how the start waits for a database that another program has.
type opening struct {
	now   func() time.Time
	pause func() <-chan time.Time
}

func (o opening) open(ctx context.Context, path string) (*store, error) {
	// Created here because SQLite would let others on the machine read it; its
	// journals get the same mode.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	// By a connection of its own, which does not wait at SQLite's locks: nothing ends that
	// wait, and the portal would be deaf to whoever stops it.
	first, err := connect(path, 0)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(o.prepare(ctx, first), first.Close()); err != nil {
		return nil, fmt.Errorf("database %s: %w", path, err)
	}
	db, err := connect(path, patience)
	if err != nil {
		return nil, err
	}
	return &store{db}, nil
}

// connect connects to a database, whose locks are waited for that long.
func connect(path string, busy time.Duration) (*sql.DB, error) {
	db, err := sql.Open("sqlite", fmt.Sprintf("file:%s?_pragma=busy_timeout(%d)&_pragma=journal_mode(WAL)&_pragma=foreign_keys(1)&_txlock=immediate", path, busy.Milliseconds()))
	if err != nil {
		return nil, err
	}
	// One connection: SQLite has one writer, and it is cheaper to queue here than
	// at its lock.
	db.SetMaxOpenConns(1)
	return db, nil
}

// prepare upgrades the database once it is free: it gives up at the first refusal after its
// patience, or when ctx ends. Turning its journal into a WAL, which the first connection to a
// new database does, needs it alone, and SQLite does not wait for that whatever busy_timeout
// says: instances that start together would fail.
func (o opening) prepare(ctx context.Context, db *sql.DB) error {
	for begun := o.now(); ; {
		err := upgrade(ctx, db)
		if !busy(err) || o.now().Sub(begun) >= patience {
			return err
		}
		select {
		case <-o.pause():
		case <-ctx.Done():
			return fmt.Errorf("%w while waiting: %w", ctx.Err(), err)
		}
	}
}

// briefly is a pause, of another length each time so that instances do not meet anew.
func briefly() <-chan time.Time {
	return time.After(10*time.Millisecond + rand.N(20*time.Millisecond))
}

// busy reports whether another connection has the database.
func busy(err error) bool {
	refused, is := errors.AsType[*sqlite.Error](err)
	return is && refused.Code()&0xff == sqlite3.SQLITE_BUSY // below is the code, above what it is about
}

func (s *store) close() error { return s.db.Close() }

// querier is the database, or a transaction in it.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// together does what belongs together: all of it, or nothing where do fails. It has the
// database for itself, also before other instances.
func (s *store) together(ctx context.Context, do func(q querier) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		if back := tx.Rollback(); !errors.Is(back, sql.ErrTxDone) { // ctx ended
			err = errors.Join(err, back)
		}
		return err
	}
	return tx.Commit()
}

// account is a person's account on the site.
type account struct {
	ID                             int64
	Name, Display, Service, Region string
	password                       string
}

// ErrAccountExists says that another account has the name.
var ErrAccountExists = errors.New("an account of that name exists already")

var errNotFound = errors.New("portal: not found")

func (s *store) addAccount(ctx context.Context, a account, now time.Time) error {
	result, err := s.db.ExecContext(ctx, `INSERT INTO accounts (name, display, service, region, password, created) VALUES (?,?,?,?,?,?) ON CONFLICT DO NOTHING`,
		a.Name, a.Display, a.Service, a.Region, a.password, now.Unix())
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, ErrAccountExists)
	}
	return nil
}

const accountColumns = `id, name, display, service, region, password`

func scanAccount(row *sql.Row) (account, error) {
	var a account
	err := row.Scan(&a.ID, &a.Name, &a.Display, &a.Service, &a.Region, &a.password)
	return a, found(err)
}

func found(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return errNotFound
	}
	return err
}

func (s *store) accountByName(ctx context.Context, name string) (account, error) {
	return scanAccount(s.db.QueryRowContext(ctx, `SELECT `+accountColumns+` FROM accounts WHERE name = ?`, name))
}

func (s *store) account(ctx context.Context, id int64) (account, error) {
	return scanAccount(s.db.QueryRowContext(ctx, `SELECT `+accountColumns+` FROM accounts WHERE id = ?`, id))
}

// attached is a card attached to an account.
type attached struct {
	ID, Account    int64
	Card           card
	Attached, Used time.Time
}

const cardColumns = `id, account, trust_group, identifier, holder, kind, profession, certificate, attached, used`

func scanCard(scan func(...any) error) (attached, error) {
	var a attached
	var at, used int64
	err := scan(&a.ID, &a.Account, &a.Card.Group, &a.Card.Identifier, &a.Card.Holder, &a.Card.Kind, &a.Card.Profession, &a.Card.Certificate, &at, &used)
	a.Attached, a.Used = time.Unix(at, 0), time.Unix(used, 0)
	return a, found(err)
}

func cardByKey(ctx context.Context, q querier, c card) (attached, error) {
	return scanCard(q.QueryRowContext(ctx, `SELECT `+cardColumns+` FROM cards WHERE trust_group = ? AND key = ?`, c.Group, c.key()).Scan)
}

func (s *store) cardByID(ctx context.Context, id int64) (attached, error) {
	return scanCard(s.db.QueryRowContext(ctx, `SELECT `+cardColumns+` FROM cards WHERE id = ?`, id).Scan)
}

func (s *store) cards(ctx context.Context, accountID int64) ([]attached, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT `+cardColumns+` FROM cards WHERE account = ? ORDER BY attached`, accountID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []attached
	for rows.Next() {
		a, err := scanCard(rows.Scan)
		if err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	return list, rows.Err()
}

var errAttachedElsewhere = errors.New("portal: the card is attached to another account")

// attach attaches the card to the account and returns its row's id. A card that
// is the account's already is updated; another account's is left alone, and the
// error is errAttachedElsewhere.
func attach(ctx context.Context, q querier, accountID int64, c card, now time.Time) (int64, error) {
	var id int64
	err := q.QueryRowContext(ctx, `
INSERT INTO cards (account, trust_group, key, identifier, holder, kind, profession, certificate, attached, used) VALUES (?,?,?,?,?,?,?,?,?,?)
ON CONFLICT (trust_group, key) DO UPDATE SET identifier = excluded.identifier, holder = excluded.holder, kind = excluded.kind,
  profession = excluded.profession, certificate = excluded.certificate, attached = excluded.attached, used = excluded.used
WHERE account = excluded.account RETURNING id`,
		accountID, c.Group, c.key(), c.Identifier, c.Holder, c.Kind, c.Profession, c.Certificate, now.Unix(), now.Unix()).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, errAttachedElsewhere
	}
	return id, err
}

// used records a login with what the card says today: after a renewal another
// certificate, maybe another profession. A kind no longer stated is retained.
func used(ctx context.Context, q querier, id int64, c card, now time.Time) error {
	_, err := q.ExecContext(ctx, `UPDATE cards SET holder = ?, kind = CASE WHEN ? = '' THEN kind ELSE ? END, profession = ?, certificate = ?, used = ? WHERE id = ?`,
		c.Holder, c.Kind, c.Kind, c.Profession, c.Certificate, now.Unix(), id)
	return err
}

// detach detaches a card of the account, for a session that has not ended meanwhile:
// with the card that it came by, for example. It returns how many sessions the card had
// opened, which end with it.
func (s *store) detach(ctx context.Context, by *session, id int64) (ended int, err error) {
	err = s.together(ctx, func(q querier) error {
		if err := q.QueryRowContext(ctx, `SELECT COUNT(*) FROM sessions WHERE card = ?`, id).Scan(&ended); err != nil {
			return err
		}
		result, err := q.ExecContext(ctx, `DELETE FROM cards WHERE id = ?1 AND account = ?2 AND EXISTS (SELECT 1 FROM sessions WHERE id = ?3 AND account = ?2)`,
			id, by.Account, by.hash())
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, errNotFound)
		}
		_, err = q.ExecContext(ctx, `DELETE FROM sessions WHERE pending_account = ?`, by.Account)
		return err
	})
	return ended, err
}
