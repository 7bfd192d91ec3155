package store

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// Account is a person's account on the site.
type Account struct {
	ID                             int64
	Name, Display, Service, Region string
	Password                       string // its hash
	Disabled                       bool   // an operator lets it in no more
}

// ErrAccountExists says that another account has the name.
var ErrAccountExists = errors.New("an account of that name exists already")

// AddAccount adds an account, whose ID is of no account. It fails with ErrAccountExists.
func (s *Store) AddAccount(ctx context.Context, a Account, now time.Time) error {
	n, err := s.write(ctx, `INSERT INTO accounts (name, display, service, region, password, created) VALUES ($1,$2,$3,$4,$5,$6) ON CONFLICT DO NOTHING`,
		a.Name, a.Display, a.Service, a.Region, a.Password, now.Unix())
	if err == nil && n == 0 {
		return ErrAccountExists
	}
	return err
}

// SetPassword replaces an account's password by the hash of another, or of the same: where it is
// still the one that was read.
func (s *Store) SetPassword(ctx context.Context, id int64, old, hash string) error {
	_, err := s.write(ctx, `UPDATE accounts SET password = $3 WHERE id = $1 AND password = $2`, id, old, hash)
	return err
}

const accountColumns = `id, name, display, service, region, password, disabled`

func scanAccount(row *sql.Row) (Account, error) {
	var a Account
	var disabled int64
	err := row.Scan(&a.ID, &a.Name, &a.Display, &a.Service, &a.Region, &a.Password, &disabled)
	a.Disabled = disabled != 0
	return a, found(err)
}

// AccountByName returns the account of a user name, whatever its letters' case.
func (s *Store) AccountByName(ctx context.Context, name string) (Account, error) {
	return scanAccount(s.q().row(ctx, `SELECT `+accountColumns+` FROM accounts WHERE {name}`, name))
}

// Account returns an account by its number.
func (s *Store) Account(ctx context.Context, id int64) (Account, error) {
	return scanAccount(s.q().row(ctx, `SELECT `+accountColumns+` FROM accounts WHERE id = $1`, id))
}
