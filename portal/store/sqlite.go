package store

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

// patience is how long is waited for another connection's lock.
const patience = 5 * time.Second

const (
	// memory is how much of the database is held, in KiB: the pages through which every login goes,
	// also where there are a million rows. SQLite's 2 MB have room for a part of them.
	memory = "cache_size(-16000)"
	// journal is how many pages may be in the journal before they are written into the database,
	// 16 MB: those that each login changes are written there once for all that did meanwhile.
	journal = "wal_autocheckpoint(4000)"
)

// opening is how the start waits for a database that another program has.
type opening struct {
	now   func() time.Time
	pause func() <-chan time.Time
}

func (o opening) sqlite(ctx context.Context, path string) (*Store, error) {
	// Created here because SQLite would let others on the machine read it; its
	// journals get the same mode.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	if err := o.prepare(ctx, busy, func() error { return upgradeSQLite(ctx, path) }); err != nil {
		return nil, fmt.Errorf("database %s: %w", path, err)
	}
	db, err := connect(path, patience, "foreign_keys(1)", "journal_mode(WAL)", memory, journal)
	if err != nil {
		return nil, err
	}
	return &Store{db: db, dialect: sqliteDialect, sharing: newSharing()}, nil
}

// connect connects to a database, whose locks are waited for that long.
func connect(path string, busy time.Duration, pragmas ...string) (*sql.DB, error) {
	address := fmt.Sprintf("file:%s?_pragma=busy_timeout(%d)&_txlock=immediate", path, busy.Milliseconds())
	for _, p := range pragmas {
		address += "&_pragma=" + p
	}
	db, err := sql.Open("sqlite", address)
	if err != nil {
		return nil, err
	}
	// One connection: SQLite has one writer, and it is cheaper to queue here than
	// at its lock.
	db.SetMaxOpenConns(1)
	return db, nil
}

// prepare calls upgrade until the database is free: it gives up at the first refusal after its
// patience, or when ctx ends. Connections of the upgrade do not wait at SQLite's locks
// themselves: nothing ends that wait, and the portal would be deaf to whoever stops it.
func (o opening) prepare(ctx context.Context, busy func(error) bool, upgrade func() error) error {
	for begun := o.now(); ; {
		err := upgrade()
		if err == nil || !busy(err) || o.now().Sub(begun) >= patience {
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
