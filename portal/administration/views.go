package administration

import (
	"context"
	"encoding/hex"
	"time"

	"github.com/cpx-bridge/cpx-bridge/portal/store"
)

// Account is an account as commands show it.
type Account struct {
	ID       int64      `json:"id"`
	Name     string     `json:"name"`
	Display  string     `json:"display"`
	Service  string     `json:"service"`
	Region   string     `json:"region"`
	Created  time.Time  `json:"created"`
	Disabled *time.Time `json:"disabled"` // null: it is not
	Cards    int        `json:"cards"`
	Sessions int        `json:"sessions"`
}

// Card is an attached card as commands show it.
type Card struct {
	ID          int64     `json:"id"`
	Account     string    `json:"account"` // the user name
	Group       string    `json:"trust_group"`
	Identifier  string    `json:"identifier"`
	Holder      string    `json:"holder"`
	Kind        string    `json:"kind"`
	Profession  string    `json:"profession"`
	Certificate string    `json:"certificate_sha256"`
	Attached    time.Time `json:"attached"`
	Used        time.Time `json:"used"`
}

// Session is a session as commands show it.
type Session struct {
	ID      string    `json:"id"` // the beginning of a hash, by which nobody logs in
	Account string    `json:"account"`
	Card    int64     `json:"card"`
	Began   time.Time `json:"began"`
	Seen    time.Time `json:"seen"`
	Address string    `json:"address"`
	Browser string    `json:"browser"`
}

// Person is all that the portal has about a person.
type Person struct {
	Account  Account            `json:"account"`
	Cards    []Card             `json:"cards"`
	Sessions []Session          `json:"sessions"`
	Audit    []store.AuditEvent `json:"audit"`
}

// Accounts lists all accounts.
func (a *Administration) Accounts(ctx context.Context) ([]Account, error) {
	list := []Account{}
	err := a.Store.Accounts(ctx, func(l store.Listed) error {
		one := Account{ID: l.ID, Name: l.Name, Display: l.Display, Service: l.Service, Region: l.Region, Created: l.Created, Cards: l.Cards, Sessions: l.Sessions}
		if !l.Disabled.IsZero() {
			one.Disabled = &l.Disabled
		}
		list = append(list, one)
		return nil
	})
	return list, err
}

// names are the user names by the accounts' numbers.
func (a *Administration) names(ctx context.Context) (map[int64]string, error) {
	names := map[int64]string{}
	err := a.Store.Accounts(ctx, func(l store.Listed) error {
		names[l.ID] = l.Name
		return nil
	})
	return names, err
}

// of is the number of the account with a user name; 0 for "", which is all of them.
func (a *Administration) of(ctx context.Context, name string) (int64, error) {
	if name == "" {
		return 0, nil
	}
	found, err := a.account(ctx, name)
	return found.ID, err
}

// Cards lists the cards of an account, or with "" of all.
func (a *Administration) Cards(ctx context.Context, name string) ([]Card, error) {
	account, err := a.of(ctx, name)
	if err != nil {
		return nil, err
	}
	names, err := a.names(ctx)
	if err != nil {
		return nil, err
	}
	list := []Card{}
	err = a.Store.AllCards(ctx, account, func(c store.Attached) error {
		list = append(list, Card{c.ID, names[c.Account], c.Card.Group, c.Card.Identifier, c.Card.Holder, c.Card.Kind, c.Card.Profession, c.Card.Certificate, c.Attached.UTC(), c.Used.UTC()})
		return nil
	})
	return list, err
}

// Sessions lists the sessions that an account is logged in with, or with "" all accounts.
func (a *Administration) Sessions(ctx context.Context, name string) ([]Session, error) {
	account, err := a.of(ctx, name)
	if err != nil {
		return nil, err
	}
	names, err := a.names(ctx)
	if err != nil {
		return nil, err
	}
	list := []Session{}
	err = a.Store.AllSessions(ctx, account, func(s store.Session) error {
		list = append(list, Session{hex.EncodeToString(s.Hash[:min(6, len(s.Hash))]), names[s.Account], s.Card, s.Created, s.Seen, s.Address, s.Browser})
		return nil
	})
	return list, err
}

// Audit lists the audit log since then, of an account or with "" of all, the oldest first. Rows
// that have an account's number alone get the user name that it has now.
func (a *Administration) Audit(ctx context.Context, since time.Time, name string) ([]store.AuditEvent, error) {
	account, err := a.of(ctx, name)
	if err != nil {
		return nil, err
	}
	names, err := a.names(ctx)
	if err != nil {
		return nil, err
	}
	list := []store.AuditEvent{}
	err = a.Store.Audit(ctx, since, account, func(e store.AuditEvent) error {
		if e.Name == "" {
			e.Name = names[e.Account]
		}
		list = append(list, e)
		return nil
	})
	return list, err
}

// Export is all that the portal has about the person of an account.
func (a *Administration) Export(ctx context.Context, name string) (Person, error) {
	found, err := a.account(ctx, name)
	if err != nil {
		return Person{}, err
	}
	var p Person
	all, err := a.Accounts(ctx)
	if err != nil {
		return p, err
	}
	for _, one := range all {
		if one.ID == found.ID {
			p.Account = one
		}
	}
	if p.Cards, err = a.Cards(ctx, found.Name); err != nil {
		return p, err
	}
	if p.Sessions, err = a.Sessions(ctx, found.Name); err != nil {
		return p, err
	}
	if p.Audit, err = a.Audit(ctx, time.Time{}, found.Name); err != nil {
		return p, err
	}
	return p, a.record(ctx, AccountExported, found.ID, found.Name, 0)
}
