// Package administration is what an operator does with the portal's accounts, cards and
// sessions. An [Administration] may be used concurrently, also while the portal runs on the
// same database. It never returns a password that somebody chose, nor a hash; what it changes
// it writes into the audit log.
package administration

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cpx-bridge/cpx-bridge/portal/passwords"
	"github.com/cpx-bridge/cpx-bridge/portal/settings"
	"github.com/cpx-bridge/cpx-bridge/portal/store"
)

// Administration changes the portal's database.
type Administration struct {
	Store *store.Store
	Texts *settings.Texts // for the regions
	Now   func() time.Time
}

// Open opens the database of a settings file, which Close closes. It fails with
// ErrNoDatabase. Errors about the settings are of type *settings.Error.
func Open(ctx context.Context, config string, now func() time.Time) (*Administration, error) {
	return open(ctx, config, now, store.OpenExisting)
}

// Create is Open, and makes the database where there is none.
func Create(ctx context.Context, config string, now func() time.Time) (*Administration, error) {
	return open(ctx, config, now, store.Open)
}

func open(ctx context.Context, config string, now func() time.Time, with func(context.Context, string) (*store.Store, error)) (*Administration, error) {
	read, err := settings.Load(config)
	if err != nil {
		return nil, err
	}
	db, err := with(ctx, read.Database)
	if err != nil {
		return nil, err
	}
	return &Administration{Store: db, Texts: read.OperatorTexts(), Now: now}, nil
}

// Restore puts a copy in the place of the settings' database, as store.Restore does.
func Restore(ctx context.Context, config, from string, now time.Time) (before string, err error) {
	read, err := settings.Load(config)
	if err != nil {
		return "", err
	}
	return store.Restore(ctx, read.Database, from, now)
}

// Close closes the database.
func (a *Administration) Close() error { return a.Store.Close() }

// The events of the audit log that are an operator's.
const (
	AccountAdded    = "account_added"
	AccountDisabled = "account_disabled"
	AccountEnabled  = "account_enabled"
	AccountErased   = "account_erased"
	AccountExported = "account_exported"
	PasswordReset   = "password_reset"
	CardRemoved     = "card_removed"
	SessionsRemoved = "sessions_removed"
)

// ErrNoDatabase says that the settings' database is a file that is not there.
var ErrNoDatabase = store.ErrNoDatabase

// ErrNoAccount says that no account has the name.
var ErrNoAccount = errors.New("no account has this user name")

// NewAccount is an account to add, with its password in clear. Region is the ID
// of one in the texts, or "".
type NewAccount struct{ Name, Display, Service, Region, Password string }

// AddAccount adds an account. It fails with store.ErrAccountExists,
// passwords.ErrLength, or a *FieldError for each field that is wrong.
func (a *Administration) AddAccount(ctx context.Context, n NewAccount) error {
	if err := a.check(&n); err != nil {
		return err
	}
	hash, err := passwords.Hash(n.Password)
	if err != nil {
		return err
	}
	if err := a.Store.AddAccount(ctx, n.stored(hash), a.Now()); err != nil {
		return err
	}
	added, err := a.Store.AccountByName(ctx, n.Name)
	if err != nil {
		return err
	}
	return a.record(ctx, AccountAdded, added.ID, added.Name, 0)
}

func (n NewAccount) stored(hash string) store.Account {
	return store.Account{Name: n.Name, Display: n.Display, Service: n.Service, Region: n.Region, Password: hash}
}

// event is a row of the audit log about nobody yet.
func (a *Administration) event(event string) store.AuditEvent {
	return store.AuditEvent{At: a.Now(), Event: event, Reason: "operator"}
}

// record writes into the audit log.
func (a *Administration) record(ctx context.Context, event string, account int64, name string, card int64) error {
	e := a.event(event)
	e.Account, e.Name, e.Card = account, name, card
	if err := a.Store.AddAudit(ctx, e); err != nil {
		return fmt.Errorf("it is done, and not in the audit log: %w", err)
	}
	return nil
}

// account finds an account by its user name.
func (a *Administration) account(ctx context.Context, name string) (store.Account, error) {
	found, err := a.Store.AccountByName(ctx, composed(name))
	if errors.Is(err, store.ErrNotFound) {
		return found, fmt.Errorf("%w: %q", ErrNoAccount, name)
	}
	return found, err
}

// Disable ends an account's sessions and lets it in no more, neither by card nor by password.
// It returns how many were logged in.
func (a *Administration) Disable(ctx context.Context, name string) (ended int, err error) {
	found, err := a.account(ctx, name)
	if err != nil {
		return 0, err
	}
	if ended, err = a.Store.Disable(ctx, found.ID, a.Now()); err != nil {
		return 0, err
	}
	return ended, a.record(ctx, AccountDisabled, found.ID, found.Name, 0)
}

// Enable lets an account in again.
func (a *Administration) Enable(ctx context.Context, name string) error {
	found, err := a.account(ctx, name)
	if err != nil {
		return err
	}
	if err := a.Store.Enable(ctx, found.ID); err != nil {
		return err
	}
	return a.record(ctx, AccountEnabled, found.ID, found.Name, 0)
}

// ResetPassword gives an account another password. It fails with passwords.ErrLength.
func (a *Administration) ResetPassword(ctx context.Context, name, password string) error {
	found, err := a.account(ctx, name)
	if err != nil {
		return err
	}
	hash, err := passwords.Hash(password)
	if err != nil {
		return err
	}
	if err := a.Store.ResetPassword(ctx, found.ID, hash); err != nil {
		return err
	}
	return a.record(ctx, PasswordReset, found.ID, found.Name, 0)
}

// RemoveCard detaches a card by its number, and returns how many sessions ended with it.
func (a *Administration) RemoveCard(ctx context.Context, card int64) (ended int, err error) {
	removed, ended, err := a.Store.Remove(ctx, card)
	if errors.Is(err, store.ErrNotFound) {
		return 0, fmt.Errorf("no attached card has the number %d", card)
	}
	if err != nil {
		return 0, err
	}
	return ended, a.record(ctx, CardRemoved, removed.Account, "", card)
}

// EndSessions ends the sessions of an account, or with "" of all, and returns how many were
// logged in.
func (a *Administration) EndSessions(ctx context.Context, name string) (ended int, err error) {
	var found store.Account
	if name != "" {
		if found, err = a.account(ctx, name); err != nil {
			return 0, err
		}
	}
	if ended, err = a.Store.EndSessions(ctx, found.ID); err != nil {
		return 0, err
	}
	return ended, a.record(ctx, SessionsRemoved, found.ID, found.Name, 0)
}

// Erase deletes an account with its cards and sessions, and takes the person out of the audit
// log, whose rows stay under the account's number.
func (a *Administration) Erase(ctx context.Context, name string) error {
	found, err := a.account(ctx, name)
	if err != nil {
		return err
	}
	if err := a.Store.Erase(ctx, found.ID); err != nil {
		return err
	}
	return a.record(ctx, AccountErased, found.ID, "", 0)
}
