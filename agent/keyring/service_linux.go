package keyring

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
)

// The names of the Secret Service (freedesktop.org, Secret Storage Specification 0.2).
const (
	secrets              = "org.freedesktop.secrets"
	secretsPath          = dbus.ObjectPath("/org/freedesktop/secrets")
	serviceInterface     = "org.freedesktop.Secret.Service"
	promptInterface      = "org.freedesktop.Secret.Prompt"
	secretCollections    = serviceInterface + ".Collections"
	collectionLocked     = "org.freedesktop.Secret.Collection.Locked"
	serviceOpenSession   = serviceInterface + ".OpenSession"
	collectionCreateItem = "org.freedesktop.Secret.Collection.CreateItem"
	collectionSearch     = "org.freedesktop.Secret.Collection.SearchItems"
	itemLocked           = "org.freedesktop.Secret.Item.Locked"
	itemDelete           = "org.freedesktop.Secret.Item.Delete"
	itemLabel            = "org.freedesktop.Secret.Item.Label"
	itemAttributes       = "org.freedesktop.Secret.Item.Attributes"
	itemSetSecret        = "org.freedesktop.Secret.Item.SetSecret"
	propertyGet          = "org.freedesktop.DBus.Properties.Get"

	collectionPrefix = secretsPath + "/collection/"
	loginCollection  = collectionPrefix + "login"
	// sessionCollection is forgotten at the end of the desktop session.
	sessionCollection = collectionPrefix + "session"
	noObject          = dbus.ObjectPath("/")
)

// secretService is the desktop's keyring on a connection of its own. Whatever the
// service does, no call lasts longer than the context.
type secretService struct {
	ctx  context.Context
	conn *dbus.Conn
}

// connect does what go-keyring would not: it starts no bus where there is none.
func connect(ctx context.Context) (*secretService, error) {
	conn, err := dbus.SessionBusPrivateNoAutoStartup(dbus.WithContext(context.WithoutCancel(ctx)))
	if err != nil {
		return nil, fmt.Errorf("%w: no session bus: %w", ErrNone, err)
	}
	if err := errors.Join(conn.Auth(nil), conn.Hello()); err != nil {
		return nil, fmt.Errorf("%w: the session bus: %w", ErrNone, errors.Join(err, conn.Close()))
	}
	return &secretService{ctx, conn}, nil
}

func (s *secretService) close() { _ = s.conn.Close() }

func (s *secretService) call(path dbus.ObjectPath, method string, args ...any) *dbus.Call {
	return s.conn.Object(secrets, path).CallWithContext(s.ctx, method, 0, args...)
}

// property reads a property, whose name has its interface before it.
func (s *secretService) property(path dbus.ObjectPath, name string, value any) error {
	dot := strings.LastIndexByte(name, '.')
	var v dbus.Variant
	err := s.call(path, propertyGet, name[:dot], name[dot+1:]).Store(&v)
	if err == nil {
		err = v.Store(value)
	}
	if err != nil {
		return fmt.Errorf("%w: %s: %w", kind(err), name[dot+1:], err)
	}
	return nil
}

// collections are those in which something may be stored for good, the one to use
// first: "login", which desktops open with the session, then the default one, then
// what else there is. Not every service has the first two: KeePassXC has one for
// each database, and its alias is "/" where none is exposed.
func (s *secretService) collections() ([]dbus.ObjectPath, error) {
	var there []dbus.ObjectPath
	if err := s.property(secretsPath, secretCollections, &there); err != nil {
		return nil, err
	}
	var standard dbus.ObjectPath
	// A service without aliases has no default collection, which is no fault.
	_ = s.call(secretsPath, serviceInterface+".ReadAlias", "default").Store(&standard)
	var list []dbus.ObjectPath
	for _, path := range append([]dbus.ObjectPath{loginCollection, standard}, there...) {
		named := path == standard && path != "" && path != noObject
		if (named || slices.Contains(there, path)) && path != sessionCollection && !slices.Contains(list, path) {
			list = append(list, path)
		}
	}
	return list, s.ctx.Err()
}

// location is where a secret is, or would be put.
type location struct {
	collection dbus.ObjectPath
	item       dbus.ObjectPath // "" for none
}

// locate finds the entry in whatever collection is open, so that a key is never taken
// for lost because the person made another one the default. Without an entry it is
// the first collection that exists: an alias may name one that was deleted. Of those
// that are locked, that one alone is opened; where another one is locked too and may
// have the entry, the error is ErrOtherLocked beside the location.
func (s *secretService) locate(account string, ask bool) (location, error) {
	list, err := s.collections()
	if err != nil {
		return location{}, err
	}
	first, failed, hidden := location{}, ErrNoCollection, false
	for _, collection := range list {
		var locked bool
		switch err := s.property(collection, collectionLocked, &locked); {
		case errors.Is(err, ErrRefused): // deleted
			continue
		case err != nil:
			return location{}, err
		case first.collection == "":
			first.collection, failed = collection, s.unlock(collection, collectionLocked, ask)
			locked = failed != nil
		}
		if item, err := s.search(collection, account, locked); err != nil || item != "" {
			return location{collection, item}, err
		}
		hidden = hidden || locked && account != ""
	}
	if hidden && failed == nil {
		failed = ErrOtherLocked
	}
	return first, failed
}

// search finds an account's entry in a collection. The search of the service as a
// whole is left alone: KeePassXC asks the person to open its database before that.
func (s *secretService) search(collection dbus.ObjectPath, account string, locked bool) (dbus.ObjectPath, error) {
	if account == "" || locked {
		return "", nil
	}
	var found []dbus.ObjectPath
	if err := s.call(collection, collectionSearch, attributes(account)).Store(&found); err != nil {
		return "", fmt.Errorf("%w: SearchItems: %w", kind(err), err)
	}
	if len(found) == 0 {
		return "", nil
	}
	return found[0], nil
}

// unlock opens a collection or an item whose property says that it is locked. Unlock
// itself asks nobody: a KWallet that was opened with the session says that it is
// locked until it is called. What it cannot open it answers with a prompt, which is
// performed only where the person may be asked.
func (s *secretService) unlock(path dbus.ObjectPath, property string, ask bool) error {
	var is bool
	if err := s.property(path, property, &is); err != nil || !is {
		return err
	}
	var opened []dbus.ObjectPath
	var prompt dbus.ObjectPath
	if err := s.call(secretsPath, serviceInterface+".Unlock", []dbus.ObjectPath{path}).Store(&opened, &prompt); err != nil {
		return fmt.Errorf("%w: Unlock: %w", kind(err), err)
	}
	switch {
	case prompt == noObject:
		return nil
	case ask:
		return s.perform(prompt)
	}
	s.dismiss(prompt)
	return ErrLocked
}

// perform lets the service ask the person, at most until the context ends.
func (s *secretService) perform(prompt dbus.ObjectPath) error {
	completed := make(chan *dbus.Signal, 8)
	match := []dbus.MatchOption{dbus.WithMatchObjectPath(prompt), dbus.WithMatchInterface(promptInterface)}
	if err := s.conn.AddMatchSignalContext(s.ctx, match...); err != nil {
		return fmt.Errorf("%w: %w", kind(err), err)
	}
	s.conn.Signal(completed)
	if err := s.call(prompt, promptInterface+".Prompt", "").Err; err != nil {
		return fmt.Errorf("%w: Prompt: %w", kind(err), err)
	}
	for {
		select {
		case signal, open := <-completed:
			switch {
			case !open:
				return fmt.Errorf("%w: it went away while it asked", ErrNone)
			case signal.Path != prompt || signal.Name != promptInterface+".Completed":
				continue
			}
			var dismissed bool
			var result dbus.Variant
			if err := dbus.Store(signal.Body, &dismissed, &result); err != nil || dismissed {
				return errors.Join(ErrLocked, err)
			}
			return nil
		case <-s.ctx.Done():
			s.dismiss(prompt)
			return ErrSlow
		}
	}
}

// dismissLimit is short: a service that does not answer has asked nobody.
const dismissLimit = time.Second

// dismiss takes a prompt back, also where the context has ended.
func (s *secretService) dismiss(prompt dbus.ObjectPath) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), dismissLimit)
	defer cancel()
	_ = s.conn.Object(secrets, prompt).CallWithContext(ctx, promptInterface+".Dismiss", 0).Err
}

// kind says what an error of the bus or of go-keyring means.
func kind(err error) error {
	var answer dbus.Error
	errors.As(err, &answer)
	const std = "org.freedesktop.DBus.Error."
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled),
		answer.Name == std+"NoReply", answer.Name == std+"Timeout", answer.Name == std+"TimedOut":
		return ErrSlow
	case answer.Name == std+"ServiceUnknown", answer.Name == std+"NameHasNoOwner", answer.Name == std+"Disconnected",
		strings.HasPrefix(answer.Name, std+"Spawn."), errors.Is(err, dbus.ErrClosed):
		return ErrNone
	case answer.Name == "org.freedesktop.Secret.Error.IsLocked", strings.Contains(err.Error(), "failed to unlock"):
		return ErrLocked // the second is go-keyring's text when the person did not unlock it
	}
	return ErrRefused
}
