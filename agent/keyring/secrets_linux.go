package keyring

import (
	"context"
	"errors"
	"fmt"

	"github.com/godbus/dbus/v5"
	"github.com/zalando/go-keyring"
	"github.com/zalando/go-keyring/secret_service"
)

// Go-keyring takes the collection "login" or the default one, and asks the person at
// any time to unlock it. So the location is found here and opened beforehand, and its
// package for the Secret Service does the rest there. Its wait for a prompt cannot be
// interrupted, and each leaves a channel behind on the process's connection.

// attributes are go-keyring's, by which it and earlier versions find the entry too.
func attributes(account string) map[string]string {
	return map[string]string{"username": account, "service": service}
}

// reachable is nil where there is a collection that is open.
func reachable(ctx context.Context, unlock bool) error {
	s, err := connect(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	_, err = s.locate("", unlock)
	return err
}

// entry is the location of an entry that must be there, and opens it.
func (s *secretService) entry(account string, unlock bool) (location, error) {
	p, err := s.locate(account, unlock)
	switch {
	case err != nil:
		return p, err
	case p.item == "":
		return p, keyring.ErrNotFound
	}
	if err = s.unlock(p.item, itemLocked, unlock); errors.Is(err, ErrLocked) {
		err = ErrEntryLocked
	}
	return p, err
}

// within calls go-keyring where the collection is open.
func within[T any](ctx context.Context, find func(*secretService) (location, error), do func(*ss.SecretService, location) (T, error)) (value T, err error) {
	s, err := connect(ctx)
	if err != nil {
		return value, err
	}
	defer s.close()
	p, err := find(s)
	if err != nil {
		return value, err
	}
	if ctx.Err() != nil {
		return value, ErrSlow
	}
	library, err := ss.NewSecretService()
	if err != nil {
		return value, err
	}
	return do(library, p)
}

func get(ctx context.Context, unlock bool, account string) (string, error) {
	return within(ctx, func(s *secretService) (location, error) { return s.entry(account, unlock) },
		func(desktop *ss.SecretService, p location) (string, error) {
			session, err := desktop.OpenSession()
			if err != nil {
				return "", err
			}
			defer func() { _ = desktop.Close(session) }()
			secret, err := desktop.GetSecret(p.item, session.Path())
			if err != nil {
				return "", err
			}
			return string(secret.Value), nil
		})
}

// set changes an entry that is there: to replace it by a new one of its name, as
// go-keyring would, KeePassXC asks the person. A new one is not left to go-keyring
// either, which takes one that the person refused for stored, and waits for the answer
// without a limit. Its prompt is performed in any case: without it KeePassXC, which
// asks nobody about a new entry, stores nothing.
func set(ctx context.Context, unlock bool, account, value string) error {
	s, err := connect(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	p, err := s.entry(account, unlock)
	if err != nil && !errors.Is(err, keyring.ErrNotFound) && !errors.Is(err, ErrOtherLocked) {
		return err
	}
	var ignored dbus.Variant
	var session, item, prompt dbus.ObjectPath
	if err := s.call(secretsPath, serviceOpenSession, "plain", dbus.MakeVariant("")).Store(&ignored, &session); err != nil {
		return err
	}
	secret := ss.NewSecret(session, value)
	if p.item != "" {
		return s.call(p.item, itemSetSecret, secret).Err
	}
	properties := map[string]dbus.Variant{
		itemLabel:      dbus.MakeVariant(fmt.Sprintf("Password for '%s' on '%s'", account, service)),
		itemAttributes: dbus.MakeVariant(attributes(account)),
	}
	if err := s.call(p.collection, collectionCreateItem, properties, secret, true).Store(&item, &prompt); err != nil {
		return err
	}
	return s.confirm(prompt)
}

// confirm performs the prompt about an entry, where there is one.
func (s *secretService) confirm(prompt dbus.ObjectPath) error {
	if prompt == noObject {
		return nil
	}
	err := s.perform(prompt)
	if errors.Is(err, ErrLocked) {
		err = ErrEntryLocked
	}
	return err
}

// remove does not leave this to go-keyring, which takes a deletion that the person
// refused for done: a key would be left behind without a record. The prompt is
// performed in any case: without it KeePassXC deletes nothing.
func remove(ctx context.Context, unlock bool, account string) error {
	s, err := connect(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	p, err := s.entry(account, unlock)
	if err != nil {
		return err
	}
	var prompt dbus.ObjectPath
	if err := s.call(p.item, itemDelete).Store(&prompt); err != nil {
		return err
	}
	return s.confirm(prompt)
}
